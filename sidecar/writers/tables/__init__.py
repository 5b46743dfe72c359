"""What a writer of tables does to a batch, whatever the database is: records become rows of declared columns. Pure.

The rooms, in the order in which a batch passes them:

=============== =============================================================================================
``declared``    the options, checked: which table, which columns from where, which primary key
``columns``     one declared column, ``name = source : type``
``types``       what a cell of each type is in Python, and what a JSON value must be to become one
``documents``   fields of JSON documents, as columns
``rows``        a batch as columns of cells, or the records that cannot become rows, by name
``changes``     rows with a primary key: what to insert or replace, what to delete
``moves``       what becomes of the offsets that are kept beside the rows
=============== =============================================================================================
"""
