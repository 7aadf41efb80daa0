// Service worker: adds the headers that isolate the page, where a host does not send them. Without isolation there are
// no threads. It keeps nothing and asks nobody but this folder's host.

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.cache === "only-if-cached" && request.mode !== "same-origin") return;
  event.respondWith(
    fetch(request).then((answer) => {
      if (answer.status === 0) return answer;
      const headers = new Headers(answer.headers);
      headers.set("Cross-Origin-Opener-Policy", "same-origin");
      headers.set("Cross-Origin-Embedder-Policy", "require-corp");
      headers.set("Cross-Origin-Resource-Policy", "cross-origin");
      return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers });
    }),
  );
});
