using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Loading;

public interface IImageTransform : IDisposable
{
    int Size { get; }

    void Train(ReadOnlySpan<byte> encoded, ref CounterRandom random, Span<float> chw);

    void Evaluate(ReadOnlySpan<byte> encoded, Span<float> chw);
}
