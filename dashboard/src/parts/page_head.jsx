// A view's heading, with what can be done at its right.

export function PageHead({ title, about, children }) {
  return (
    <header class="page-head">
      <div>
        <h1 tabIndex={-1}>{title}</h1>
        {about && <p class="quiet">{about}</p>}
      </div>
      {children && <div class="page-tools">{children}</div>}
    </header>
  );
}
