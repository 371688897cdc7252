"""Rows that several processes or machines share, by Dask's scheduler: driver and workers."""
