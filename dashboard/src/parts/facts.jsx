// Names and values; what is null, undefined or empty is left out.

export function Facts({ rows }) {
  return (
    <dl class="facts">
      {rows.filter(([, value]) => value != null && value !== "")
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}
