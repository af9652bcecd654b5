namespace ClipTrain.DataPipeline.Loading;

public interface ITokenizer
{
    int VocabularySize { get; }

    int ContextLength { get; }

    int Encode(string text, Span<long> tokens);
}
