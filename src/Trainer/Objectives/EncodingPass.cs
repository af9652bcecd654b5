using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Objectives;

/// <summary>
/// Forward pass of this rank's pairs through the towers and, once the gradients of all embeddings are known, backward. With
/// micro-batches this is GradCache (Gao et al. 2021, arXiv 2101.06983): forward keeps only the embeddings, and backward recomputes
/// each micro-batch with a graph. Memory grows with the micro-batch, while the loss is that of the whole batch.
/// </summary>
/// <remarks>Shapes: b pairs of this rank, D embedding.</remarks>
internal sealed class EncodingPass
{
    private readonly ClipModel _model;
    private readonly ActivationCheckpointing _checkpointing;
    private readonly StepTimer? _timer;
    private readonly torch.Device _device;
    private readonly BatchStatistics _statistics;
    private readonly BatchPart[] _microBatches;
    private readonly TrainingBatch _batch;
    private TowerPass? _images,
        _texts;

    /// <param name="model">The model.</param>
    /// <param name="batch">This rank's pairs.</param>
    /// <param name="options">Micro-batches and activation checkpointing.</param>
    /// <param name="synchronized">Ranks over which BatchNorms are synchronised; null if each rank normalises by itself.</param>
    /// <param name="counts">Number of pairs on each of those ranks.</param>
    /// <param name="timer">Gets the time of each phase; null in training.</param>
    public EncodingPass(
        ClipModel model,
        TrainingBatch batch,
        TrainingOptions options,
        RankGroup? synchronized = null,
        ReadOnlySpan<long> counts = default,
        StepTimer? timer = null
    )
    {
        (_model, _batch, _checkpointing, _timer) = (model, batch, options.ActivationCheckpointing, timer);
        _device = model.Parameters.Master.device;
        _statistics = new BatchStatistics(model.Parameters);
        _microBatches = BatchPart.Cut(batch, options, _statistics, _device, synchronized, counts);
    }

    /// <summary>Embeddings bD of all images, detached.</summary>
    public torch.Tensor EncodeImages()
    {
        using var lap = _timer?.Measure(StepPhase.ImageForward);
        if (_microBatches.Length == 1 && _model.Trains(Tower.Image))
        {
            return (_images = PassImages(_microBatches[0])).Embedding_bD;
        }

        return Encode(
            _batch.Images_b3SS.size(0),
            (part, embeddings_bD) => part.ImagesOf(embeddings_bD).copy_(_model.EncodeImage(part.Images, part.KeptPatches, part.Statistics))
        );
    }

    /// <summary>Text embeddings bD, detached.</summary>
    public torch.Tensor EncodeTexts()
    {
        using var lap = _timer?.Measure(StepPhase.TextForward);
        if (_microBatches.Length == 1 && _model.Trains(Tower.Text))
        {
            return (_texts = PassTexts(_microBatches[0])).Embedding_bD;
        }

        return Encode(
            _batch.Count,
            (part, embeddings_bD) =>
                embeddings_bD.narrow(0, part.Start, part.Count).copy_(_model.EncodeText(part.Tokens, part.Ends, part.LongestEnd))
        );
    }

    /// <summary>Runs backward and hands the parameter gradients to the reducer; the caller finishes it.</summary>
    /// <param name="gradients">
    /// ∂loss/∂(embeddings of all images), ∂loss/∂(text embeddings; unused without a text tower), ∂loss/∂(log of the logit scale) and
    /// ∂loss/∂(logit bias).
    /// </param>
    /// <param name="pairs">Number of pairs in the step, over all ranks.</param>
    /// <param name="reducer">Sums the gradients over the ranks.</param>
    public void Backward(PairLossResult gradients, long pairs, GradientReducer reducer)
    {
        for (var i = 0; i < _microBatches.Length - 1; i++)
        {
            reducer.Begin(accumulate: i > 0, reduce: false);
            Backward(_microBatches[i], gradients, reducer);
            reducer.Finish();
        }

        reducer.Begin(accumulate: _microBatches.Length > 1);
        BackwardOf(ClipModel.LogitScale, gradients.LogitScaleGradient);
        if (_model.Parameters.Has(ClipModel.LogitBias))
        {
            BackwardOf(ClipModel.LogitBias, gradients.LogitBiasGradient);
        }

        if (_microBatches.Length > 0)
        {
            Backward(_microBatches[^1], gradients, reducer);
        }

        _statistics.Backward(pairs * _batch.Views);
    }

    /// <summary>Images go first: their gradients fill the first buckets, which are reduced while the texts are computed.</summary>
    private void Backward(BatchPart part, PairLossResult gradients, GradientReducer reducer)
    {
        using var scope = NewDisposeScope();
        if (_model.Trains(Tower.Image))
        {
            using var lap = _timer?.Measure(StepPhase.ImageBackward);
            (_images ?? PassImages(part)).Backward(
                part.ImagesOf(gradients.ImageGradient_bD),
                segment => reducer.Collect(_model.LeavesOf(Tower.Image, segment))
            );
        }

        if (_model.HasTextTower && _model.Trains(Tower.Text))
        {
            using var lap = _timer?.Measure(StepPhase.TextBackward);
            (_texts ?? PassTexts(part)).Backward(
                gradients.TextGradient_bD.narrow(0, part.Start, part.Count),
                segment => reducer.Collect(_model.LeavesOf(Tower.Text, segment))
            );
        }
    }

    private void BackwardOf(string scalar, double gradient)
    {
        using var scope = NewDisposeScope();
        autograd.backward([_model.Parameters[scalar] * 1.0], [full([], gradient, float32, _device)]);
    }

    /// <param name="rows">Number of embeddings.</param>
    /// <param name="encode">Writes a part's embeddings to its rows of those of the batch.</param>
    private torch.Tensor Encode(long rows, Action<BatchPart, torch.Tensor> encode)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var embeddings_bD = empty([rows, _model.Options.EmbedDim], float32, _device);
        foreach (var part in _microBatches)
        {
            using var microScope = NewDisposeScope();
            encode(part, embeddings_bD);
        }

        return embeddings_bD.MoveToOuterDisposeScope();
    }

    private TowerPass PassImages(BatchPart part) => _model.PassImage(part.Images, part.KeptPatches, _checkpointing, part.Statistics);

    private TowerPass PassTexts(BatchPart part) => _model.PassText(part.Tokens, part.Ends, part.LongestEnd, _checkpointing);
}
