// The rows of the page of contents are sorted by the column whose head is pressed.
for (const button of document.querySelectorAll('th button')) button.onclick = () => {
  const head = button.closest('th'), body = document.querySelector('tbody');
  const column = [...head.parentNode.children].indexOf(head);
  const up = head.getAttribute('aria-sort') !== 'ascending';
  const value = row => row.children[column].dataset.v ?? row.children[column].textContent;
  const order = (a, b) => value(a).localeCompare(value(b), 'en', {numeric: true});
  const rows = [...body.rows].sort((a, b) => order(a, b) * (up ? 1 : -1));
  const filled = rows.filter(r => value(r) !== ''), empty = rows.filter(r => value(r) === '');
  for (const th of head.parentNode.children) th.removeAttribute('aria-sort');
  head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
  body.append(...filled, ...empty);
};
