from langgraph_runner.errors import UnhashableInputError as UnhashableInputError
from langgraph_runner.workflow.hashing.canonical import MAX_DEPTH as MAX_DEPTH
from langgraph_runner.workflow.hashing.canonical import canonical_json as canonical_json
from langgraph_runner.workflow.hashing.canonical import content_hash as content_hash
from langgraph_runner.workflow.hashing.objects import register_encoding as register_encoding
