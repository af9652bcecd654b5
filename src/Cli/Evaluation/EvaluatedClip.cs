using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Text;
using ClipTrain.Evaluation.Datasets;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Interop;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using ClipTrain.Weights.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Cli.Evaluation;

/// <summary>
/// Adapter of a model, trained here or imported, to the evaluation interface. Create and use it on the torch thread.
/// </summary>
public sealed class EvaluatedClip : IEvaluatedModel, IDisposable
{
    /// <summary>Batch size for texts.</summary>
    internal const int TextBatch = 256;

    private readonly Lazy<string> _hash;
    private readonly ClipModel _model;
    private readonly ITokenizer? _tokenizer;
    private readonly double _maxLogitScale;

    /// <param name="opened">The model.</param>
    /// <param name="name">Name of the model in reports.</param>
    /// <param name="device">Device of the weights.</param>
    /// <exception cref="UsageException">ClipTrain does not have the model's image preprocessing, or its tokenizer is
    /// unknown.</exception>
    public EvaluatedClip(OpenedModel opened, string name, torch.Device? device = null)
    {
        (Name, HasTexts) = (name, opened.HasSharedSpace);
        _tokenizer = HasTexts ? opened.Tokenizer() : null;
        _hash = new Lazy<string>(() => WeightHash.Of(opened.Weights));
        Transform = opened.WithPreprocessing(
            opened.Run is { } run
                ? RunPlan.Images(run).Evaluation with
                {
                    Type = ImageType.Fp32,
                }
                : new ImageTransformOptions(opened.Options.Image.Size)
        );
        _model = opened.Load(device: device);
        _maxLogitScale = opened.Run?.Training.MaxLogitScale ?? new TrainingOptions { GlobalBatch = 1 }.MaxLogitScale;
        LogitScale = HasTexts ? _model.LogitScaleFactor(_maxLogitScale) : 1;
    }

    public string Name { get; }

    public string WeightsHash => _hash.Value;

    public ImageTransformOptions Transform { get; }

    public double LogitScale { get; }

    public bool HasTexts { get; }

    public (torch.Tensor Embeddings_bD, torch.Tensor Features_bF) EncodeImages(torch.Tensor images_b3SS)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var (pooled_bF, projected_bD) = _model.EncodeImageFeatures(images_b3SS.to(_model.Parameters.Master.device));
        return (nn.functional.normalize(projected_bD, 2, -1).cpu().MoveToOuterDisposeScope(), pooled_bF.cpu().MoveToOuterDisposeScope());
    }

    /// <summary>Returns unit embeddings [b, D] of encoded images, such as the bytes of JPEG files, in input order.</summary>
    /// <exception cref="ImageDecodeException">An image cannot be decoded.</exception>
    public torch.Tensor EncodeFiles(IReadOnlyList<byte[]> files)
    {
        using var scope = NewDisposeScope();
        using var transform = new ClipImageTransform(Transform);
        var images_b3SS = empty([files.Count, 3, Transform.Size, Transform.Size], float32);
        var bytes = images_b3SS.Bytes();
        var size = bytes.Length / files.Count;
        for (var i = 0; i < files.Count; i++)
        {
            transform.Evaluate(files[i], bytes.Slice(i * size, size));
        }

        return EncodeImages(images_b3SS).Embeddings_bD.MoveToOuterDisposeScope();
    }

    public torch.Tensor EncodeTexts(IReadOnlyList<string> texts) =>
        TextEmbedding.Of(_model, _tokenizer ?? throw new InvalidOperationException($"{Name} has no text tower."), texts, TextBatch);

    public double PairLoss(torch.Tensor images_bD, torch.Tensor texts_bD) => PairLosses.Of(_model, _maxLogitScale, images_bD, texts_bD);

    public void Dispose() => _model.Dispose();
}
