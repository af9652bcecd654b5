namespace ClipTrain.DataPipeline.Corpus;

/// <summary>A corpus cannot be used; the message says which file or column and what to do, for the user to read.</summary>
public sealed class CorpusException : Exception
{
    public CorpusException(string message) : base(message)
    {
    }

    public CorpusException(string message, Exception inner) : base(message, inner)
    {
    }
}
