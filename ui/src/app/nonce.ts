/** What lets style elements of this page through the Content-Security-Policy. */
export const nonce =
  document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? ""

// The lock on scrolling behind dialogs adds a style element of its own and looks here for it.
Object.assign(globalThis, { __webpack_nonce__: nonce })
