"""What the routes read from the database: pages of runs, metrics of steps, gauges for Prometheus.

Queries for single runs are in the engine. The models of requests and responses are in `models.py`.
"""
