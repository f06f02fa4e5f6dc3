// For `make lint`: the JavaScript of the widgets, as it runs in the browser.
const BROWSER = [
  'MutationObserver', 'ResizeObserver', 'cancelAnimationFrame', 'clearInterval', 'devicePixelRatio',
  'document', 'getComputedStyle', 'matchMedia', 'performance', 'requestAnimationFrame',
  'setInterval', 'setTimeout', 'window',
];
const AS_HTML = 'text from files must never become HTML; use textContent';

module.exports = [{
  files: ['ecg_nb/**/static/*.js'],
  languageOptions: {
    ecmaVersion: 2022,
    sourceType: 'module',
    globals: Object.fromEntries(BROWSER.map(name => [name, 'readonly'])),
  },
  linterOptions: {reportUnusedDisableDirectives: 'error'},
  rules: {
    'complexity': ['error', 12],
    'consistent-return': 'error',
    'eqeqeq': 'error',
    'max-lines-per-function': ['error', {max: 60, skipComments: true}],
    'no-eval': 'error',
    'no-implied-eval': 'error',
    'no-restricted-properties': [
      'error',
      {property: 'innerHTML', message: AS_HTML},
      {property: 'outerHTML', message: AS_HTML},
      {property: 'insertAdjacentHTML', message: AS_HTML},
      {object: 'document', property: 'write', message: AS_HTML},
    ],
    'no-shadow': 'error',
    'no-undef': 'error',
    'no-unused-vars': 'error',
    'no-use-before-define': ['error', {functions: false}],
    'no-var': 'error',
    'prefer-const': 'error',
  },
}];
