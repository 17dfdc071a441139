"""The demonstration: free photographs, a composed street, and the whole of Lookout on one machine."""
