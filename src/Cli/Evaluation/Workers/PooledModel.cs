using ClipTrain.DataPipeline.Images;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Torch.Operators;
using TorchSharp;

namespace ClipTrain.Cli.Evaluation.Workers;

/// <summary>
/// A model whose batches are computed by a pool of workers that hold the same weights. Batches are those of a single process, so the
/// results are too.
/// </summary>
internal sealed class PooledModel(IEvaluatedModel model, EncodingPool pool) : IEvaluatedModel
{
    public string Name => model.Name;

    public string WeightsHash => model.WeightsHash;

    public ImageTransformOptions Transform => model.Transform;

    public double LogitScale => model.LogitScale;

    public bool HasTexts => model.HasTexts;

    public (torch.Tensor Embeddings_bD, torch.Tensor Features_bF) EncodeImages(torch.Tensor images_b3SS) => model.EncodeImages(images_b3SS);

    public IImageEncoder OpenEncoder() => new Encoder(pool);

    public torch.Tensor EncodeTexts(IReadOnlyList<string> texts)
    {
        var batches = texts
            .Chunk(EvaluatedClip.TextBatch)
            .Select(batch => pool.Ask((to, from) => EncodingFrames.Ask(to, from, batch)))
            .ToList();
        var texts_nD = Matrix.Join([.. batches.Select(batch => batch.GetAwaiter().GetResult())]);
        var copy_nD = torch.empty([texts_nD.Rows, texts_nD.Columns], torch.float32);
        texts_nD.Values.CopyTo(copy_nD.AsSpan<float>());
        return copy_nD;
    }

    public double PairLoss(torch.Tensor images_bD, torch.Tensor texts_bD) => model.PairLoss(images_bD, texts_bD);

    private sealed class Encoder(EncodingPool pool) : IImageEncoder
    {
        /// <summary>Each worker computes one batch while the next one waits for it.</summary>
        public int Ahead => (2 * pool.Workers) - 1;

        public Task<EncodedImages> Encode(IReadOnlyList<byte[]> files) => pool.Ask((to, from) => EncodingFrames.Ask(to, from, files));

        public void Dispose() { }
    }
}
