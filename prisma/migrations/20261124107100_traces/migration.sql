-- W3C Trace Context of the request that made the generation; null while traces are off. The next process goes on with it.
ALTER TABLE generation ADD COLUMN traceparent text;
