"""Continuations made by replicas of the engine in other processes, on this machine or others: Ray Serve runs them.

`remote.RemoteEngine` is an engine that asks them, `replica.Replica` answers, `deployment.deploy` starts them. They talk
over HTTP in records of JSON and tensors (`records`); Ray is imported where the replicas are started, nowhere else.
"""
