// recheck's build without worker threads and child processes, which a bundle can carry.
declare module 'recheck/lib/browser.js' {
  export { checkSync } from 'recheck';
}
