/** Lays out a graph off the main thread, so that 500 steps never block the page. */
import { Graph, layout } from "./vendor/dagre.js";

onmessage = ({ data: { ticket, nodes, edges, direction, width, height } }) => {
  const graph = new Graph();
  graph.setGraph({ rankdir: direction, nodesep: 14, ranksep: 36, marginx: 16, marginy: 16 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) graph.setNode(node, { width, height });
  for (const [from, until] of edges) graph.setEdge(from, until);
  layout(graph);
  postMessage({
    ticket,
    width: graph.graph().width,
    height: graph.graph().height,
    nodes: nodes.map((id) => { const { x, y } = graph.node(id); return { id, x: x - width / 2, y: y - height / 2 }; }),
    edges: edges.map(([from, until]) => ({ from, until, points: graph.edge(from, until).points })),
  });
};
