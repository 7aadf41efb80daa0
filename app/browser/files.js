// The files beside the page: graphs, their description, and the runtime.

/** An error of a file that could not be had; its text is for the person at the page. */
export class FileError extends Error {}

/** Return the bytes of a file of this folder; `onBytes` is told how many have come. */
export async function fetched(name, onBytes = () => {}) {
  try {
    const answer = await fetch(new URL(name, import.meta.url));
    if (!answer.ok) throw new FileError(`${missing(name)} (its host answered ${answer.status}).`);
    return await read(answer.body, onBytes);
  } catch (error) {
    if (error instanceof FileError) throw error;
    throw new FileError(`${name} could not be loaded: the connection was lost. Load the page again.`);
  }
}

/** Return what to say of a file that is not there. */
export function missing(name) {
  return `${name} is missing, so the voice cannot be loaded. Whoever keeps this page: upload the whole folder again`;
}

async function read(body, onBytes) {
  const parts = [];
  let count = 0;
  for (const reader = body.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    onBytes((count += value.length));
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
