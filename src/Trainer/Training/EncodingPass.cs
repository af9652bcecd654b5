using ClipTrain.Torch;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Trainer.Training;

/// <summary>
/// This rank's pairs through both towers and, once the gradients of all embeddings are known, back. With micro-batches that
/// is the method of GradCache (Gao et al. 2021, arXiv 2101.06983): the way there keeps embeddings alone, the way back runs
/// each micro-batch again with a graph. So memory grows with the micro-batch, and the loss is that of the whole batch.
/// </summary>
/// <remarks>Shapes: b pairs of this rank, D embedding.</remarks>
internal sealed class EncodingPass
{
    private readonly ClipModel _model;
    private readonly TrainingBatch _batch;
    private readonly ActivationCheckpointing _checkpointing;
    private readonly torch.Device _device;
    private readonly BatchStatistics _statistics;
    private readonly MicroBatch[] _microBatches;
    private TowerPass? _images, _texts;

    /// <param name="model">Both towers.</param>
    /// <param name="batch">This rank's pairs.</param>
    /// <param name="options">Micro-batches and activation checkpointing.</param>
    /// <param name="synchronized">The ranks over which BatchNorms normalise; null for each rank by itself.</param>
    /// <param name="counts">Pairs on each of those.</param>
    public EncodingPass(ClipModel model, TrainingBatch batch, TrainingOptions options, RankGroup? synchronized = null, ReadOnlySpan<long> counts = default)
    {
        (_model, _batch, _checkpointing) = (model, batch, options.ActivationCheckpointing);
        _device = model.Parameters.Master.device;
        _statistics = new BatchStatistics(model.Parameters);
        // Synchronised ranks take the same number of micro-batches, whose last have no pair on a rank with fewer.
        long[] all = synchronized is null ? [batch.Count] : [.. counts];
        var size = options.MicroBatch == 0 ? Math.Max(1, all.Max()) : options.MicroBatch;
        _microBatches = [.. Starts(all.Max(), size).Select(start => new MicroBatch(
            Math.Min(start, batch.Count),
            Part(batch.Count, start),
            synchronized is null ? _statistics : _statistics.Over(synchronized, all.Sum(count => Part(count, start)))))];

        long Part(long count, long start) => Math.Clamp(count - start, 0, size);
    }

    /// <summary>The images' embeddings bD, without history.</summary>
    public torch.Tensor EncodeImages()
    {
        if (_microBatches.Length == 1)
            return (_images = PassImages(_microBatches[0])).Embedding_bD;
        return Encode(part => _model.EncodeImage(Images(part), KeptPatches(part), part.Statistics));
    }

    /// <summary>The captions' embeddings bD, without history.</summary>
    public torch.Tensor EncodeTexts()
    {
        if (_microBatches.Length == 1)
            return (_texts = PassTexts(_microBatches[0])).Embedding_bD;
        return Encode(part => _model.EncodeText(Tokens(part), Ends(part), LongestEnd(part)));
    }

    /// <summary>Leaves the parameters' gradients in the flat buffer, or with the reducer, which is begun for the last micro-batch.</summary>
    /// <param name="imageGradient_bD">∂loss/∂(images' embeddings).</param>
    /// <param name="textGradient_bD">∂loss/∂(captions' embeddings).</param>
    /// <param name="logScaleGradient">∂loss/∂(log of the logit scale).</param>
    /// <param name="pairs">Pairs of the step, over all ranks.</param>
    /// <param name="reducer">Sums over the ranks what backward gives; null to keep this rank's.</param>
    public void Backward(torch.Tensor imageGradient_bD, torch.Tensor textGradient_bD, double logScaleGradient, long pairs, distributed.GradientReducer? reducer)
    {
        var parameters = _model.Parameters;
        for (var i = 0; i < _microBatches.Length - 1; i++)
        {
            Backward(_microBatches[i], imageGradient_bD, textGradient_bD);
            parameters.CollectGradients(accumulate: i > 0);
        }

        var accumulate = _microBatches.Length > 1;
        reducer?.Begin(accumulate);
        using (var scope = NewDisposeScope())
            autograd.backward([parameters[ClipModel.LogitScale] * 1.0], [full([], logScaleGradient, float32, _device)]);
        if (_microBatches.Length > 0)
            Backward(_microBatches[^1], imageGradient_bD, textGradient_bD);
        _statistics.Backward(pairs);
        if (reducer is null)
            parameters.CollectGradients(accumulate);
    }

    private void Backward(MicroBatch part, torch.Tensor imageGradient_bD, torch.Tensor textGradient_bD)
    {
        using var scope = NewDisposeScope();
        (_texts ?? PassTexts(part)).Backward(textGradient_bD.narrow(0, part.Start, part.Count));
        (_images ?? PassImages(part)).Backward(imageGradient_bD.narrow(0, part.Start, part.Count));
    }

    private static IEnumerable<long> Starts(long total, long size)
    {
        for (long start = 0; start < total; start += size)
            yield return start;
    }

    private torch.Tensor Encode(Func<MicroBatch, torch.Tensor> encode)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var embeddings_bD = empty([_batch.Count, _model.Options.EmbedDim], float32, _device);
        foreach (var part in _microBatches)
        {
            using var microScope = NewDisposeScope();
            embeddings_bD.narrow(0, part.Start, part.Count).copy_(encode(part));
        }

        return embeddings_bD.MoveToOuterDisposeScope();
    }

    private TowerPass PassImages(MicroBatch part) =>
        _model.PassImage(Images(part), KeptPatches(part), _checkpointing, part.Statistics);

    private TowerPass PassTexts(MicroBatch part) =>
        _model.PassText(Tokens(part), Ends(part), LongestEnd(part), _checkpointing);

    private torch.Tensor Images(MicroBatch part) => ImageInput.OnDevice(part.Of(_batch.Images_b3SS), _device);

    private torch.Tensor? KeptPatches(MicroBatch part) => _batch.KeptPatches_bK is { } kept_bK ? part.Of(kept_bK).to(_device) : null;

    private torch.Tensor Tokens(MicroBatch part) => part.Of(_batch.Tokens_bL).to(_device);

    private torch.Tensor Ends(MicroBatch part) => part.Of(_batch.Ends_b).to(_device);

    /// <summary>Captions are computed to the longest of their micro-batch.</summary>
    private long LongestEnd(MicroBatch part)
    {
        long longest = 0;
        foreach (var end in _batch.Ends_b.AsSpan<long>().Slice((int)part.Start, (int)part.Count))
            longest = Math.Max(longest, end);
        return longest;
    }

    /// <summary>Pairs that run through the towers at once, none or some of the batch, and what BatchNorms tell of them.</summary>
    private sealed record MicroBatch(long Start, long Count, BatchStatistics Statistics)
    {
        public torch.Tensor Of(torch.Tensor rows) => rows.narrow(0, Start, Count);
    }
}
