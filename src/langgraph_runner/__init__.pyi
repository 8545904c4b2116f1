from langgraph_runner.engine import *
from langgraph_runner.errors import *
from langgraph_runner.graph import *
from langgraph_runner.metrics import *
from langgraph_runner.metrics.exporters import *
from langgraph_runner.node import *
from langgraph_runner.state import *
from langgraph_runner.workflow import *
