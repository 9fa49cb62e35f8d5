// A request as a curl command for a shell, without the key.

export function curl(url, body) {
  const json = JSON.stringify(body, null, 2).replaceAll("'", "'\\''");

  return `curl -N ${url} \\\n`
    + `    -H "Authorization: Bearer $API_KEY" \\\n`
    + `    -H "Content-Type: application/json" \\\n`
    + `    -d '${json}'\n`;
}
