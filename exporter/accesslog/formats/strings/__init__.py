"""Format strings of servers, `'$remote_addr ...'` or `"%h ..."`, to regexes. Pure."""
