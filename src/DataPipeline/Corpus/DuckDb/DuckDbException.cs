namespace ClipTrain.DataPipeline.Corpus.DuckDb;

/// <summary>DuckDB refused a statement or failed while it ran; the message is DuckDB's.</summary>
internal sealed class DuckDbException(string message) : Exception(message);
