using ClipTrain.Torch;
using ClipTrain.Trainer.Config;
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
    private readonly (long Start, long Count)[] _microBatches;
    private TowerPass? _images, _texts;

    public EncodingPass(ClipModel model, TrainingBatch batch, TrainingOptions options)
    {
        (_model, _batch, _checkpointing) = (model, batch, options.ActivationCheckpointing);
        _statistics = new BatchStatistics(model.Parameters);
        _device = model.Parameters.Master.device;
        var size = options.MicroBatch == 0 ? Math.Max(1, batch.Count) : options.MicroBatch;
        _microBatches = [.. Starts(batch.Count, size).Select(start => (start, Math.Min(size, batch.Count - start)))];
    }

    /// <summary>The images' embeddings bD, without history.</summary>
    public torch.Tensor EncodeImages()
    {
        if (_microBatches.Length == 1 && _model.Trains(Tower.Image))
            return (_images = PassImages(0, _batch.Count)).Embedding_bD;
        return Encode((start, count) => _model.EncodeImage(Images(start, count), KeptPatches(start, count), _statistics));
    }

    /// <summary>The captions' embeddings bD, without history.</summary>
    public torch.Tensor EncodeTexts()
    {
        if (_microBatches.Length == 1 && _model.Trains(Tower.Text))
            return (_texts = PassTexts(0, _batch.Count)).Embedding_bD;
        return Encode((start, count) => _model.EncodeText(Tokens(start, count), Ends(start, count), LongestEnd(start, count)));
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

    private void Backward((long Start, long Count) part, torch.Tensor imageGradient_bD, torch.Tensor textGradient_bD)
    {
        using var scope = NewDisposeScope();
        if (_model.Trains(Tower.Text))
            (_texts ?? PassTexts(part.Start, part.Count)).Backward(textGradient_bD.narrow(0, part.Start, part.Count));
        if (_model.Trains(Tower.Image))
            (_images ?? PassImages(part.Start, part.Count)).Backward(imageGradient_bD.narrow(0, part.Start, part.Count));
    }

    private static IEnumerable<long> Starts(long total, long size)
    {
        for (long start = 0; start < total; start += size)
            yield return start;
    }

    private torch.Tensor Encode(Func<long, long, torch.Tensor> encode)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var embeddings_bD = empty([_batch.Count, _model.Options.EmbedDim], float32, _device);
        foreach (var (start, count) in _microBatches)
        {
            using var microScope = NewDisposeScope();
            embeddings_bD.narrow(0, start, count).copy_(encode(start, count));
        }

        return embeddings_bD.MoveToOuterDisposeScope();
    }

    private TowerPass PassImages(long start, long count) =>
        _model.PassImage(Images(start, count), KeptPatches(start, count), _checkpointing, _statistics);

    private TowerPass PassTexts(long start, long count) =>
        _model.PassText(Tokens(start, count), Ends(start, count), LongestEnd(start, count), _checkpointing);

    private torch.Tensor Images(long start, long count) => ImageInput.OnDevice(_batch.Images_b3SS.narrow(0, start, count), _device);

    private torch.Tensor? KeptPatches(long start, long count) => _batch.KeptPatches_bK?.narrow(0, start, count).to(_device);

    private torch.Tensor Tokens(long start, long count) => _batch.Tokens_bL.narrow(0, start, count).to(_device);

    private torch.Tensor Ends(long start, long count) => _batch.Ends_b.narrow(0, start, count).to(_device);

    /// <summary>Captions are computed to the longest of their micro-batch.</summary>
    private long LongestEnd(long start, long count)
    {
        long longest = 0;
        foreach (var end in _batch.Ends_b.AsSpan<long>().Slice((int)start, (int)count))
            longest = Math.Max(longest, end);
        return longest;
    }
}
