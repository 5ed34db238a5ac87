"""The remote Configuration Service: asking its servers over https and dips, and keeping what they said."""
