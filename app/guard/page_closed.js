// Tells the server that this page was closed, so that the visitor's files go at once. The page's name on the server is
// known to Gradio's own script only; it is read from the address of the connection that holds the page open.
(() => {
  let session = null;
  const fetchAsBefore = window.fetch;
  window.fetch = (...request) => {
    const address = String((request[0] && request[0].url) || request[0]);
    const found = /\/heartbeat\/([\w-]+)/.exec(address);
    if (found) session = found[1];
    return fetchAsBefore.apply(window, request);
  };
  window.addEventListener("pagehide", (event) => {
    if (session && !event.persisted) navigator.sendBeacon(new URL(`gradio_api/leave/${session}`, document.baseURI));
  });
})();
