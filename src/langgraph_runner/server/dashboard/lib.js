/** The libraries under one name: views import from here only. */
import { h } from "preact";
import htm from "htm";

export const html = htm.bind(h);
export { Component, render } from "preact";
export { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
export { batch, computed, effect, signal } from "@preact/signals";
