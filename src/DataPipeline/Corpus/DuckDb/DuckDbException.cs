namespace ClipTrain.DataPipeline.Corpus.DuckDb;

/// <summary>An error of DuckDB, in its own words.</summary>
public sealed class DuckDbException(string message) : Exception(message);
