"""How the plan is sent: an open loop over keep-alive connections, in one process or several, and what is answered."""
