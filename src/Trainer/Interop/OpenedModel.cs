using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Text;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Weights.Tensors;
using TorchSharp;

namespace ClipTrain.Trainer.Interop;

/// <summary>A model that lies in files, ready to be read.</summary>
/// <param name="Options">What it is.</param>
/// <param name="Weights">Its weights, with our names.</param>
/// <param name="Preprocessing">How its images are made.</param>
/// <param name="Merges">Its vocabulary; null where its files do not say.</param>
/// <param name="Run">The run that trained it; null where another program did, or nobody knows.</param>
public sealed record OpenedModel(ModelOptions Options, IWeights Weights, Preprocessing Preprocessing, MergeList? Merges, RunOptions? Run)
    : IDisposable
{
    /// <summary>
    /// What it was trained for, which says what parts it has. Of other programs' models those that add a bias to their logits were
    /// trained with the sigmoid loss.
    /// </summary>
    public Objective Objective =>
        Run?.Training.Objective ?? (Weights.Shapes.ContainsKey(ClipModel.LogitBias) ? Objective.Sigmoid : Objective.Contrastive);

    /// <summary>Whether images and texts have a space that they share.</summary>
    public bool HasSharedSpace => Objective is Objective.Contrastive or Objective.Sigmoid;

    /// <summary>Whether the model adds a learned bias to its logits.</summary>
    public bool HasLogitBias => Objective == Objective.Sigmoid;

    /// <summary>Refuses a model whose images are made otherwise than evaluation makes them.</summary>
    /// <exception cref="UsageException">They are.</exception>
    public void RequireClipPreprocessing()
    {
        if (!Preprocessing.IsClip)
            throw new UsageException(
                $"{Weights.Path}: its images are normalised or resized otherwise than CLIP's ({Preprocessing.Interpolation}, "
                    + $"{Preprocessing.ResizeMode}, mean {string.Join(' ', Preprocessing.Mean)}); evaluation has CLIP's alone."
            );
    }

    /// <summary>The model's tokenizer.</summary>
    /// <exception cref="UsageException">Its files do not say which.</exception>
    public BpeTokenizer Tokenizer() =>
        Merges is not null
            ? new BpeTokenizer(Merges, Options.Text.Context)
            : throw new UsageException($"{Weights.Path}: there are no tokenizer's files beside it; put vocab.json and merges.txt there.");

    /// <summary>The model with its weights.</summary>
    /// <exception cref="WeightsException">The weights are not the model's.</exception>
    public ClipModel Load(Precision precision = Precision.Fp32, torch.Device? device = null)
    {
        var model = new ClipModel(Options, precision, seed: null, device, Objective);
        try
        {
            ModelWeights.LoadInto(model.Parameters, Weights);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    public void Dispose() => Weights.Dispose();
}

/// <summary>How a model's images are made: resized, cut to a square, normalised.</summary>
/// <param name="Mean">Of red, green and blue, of channels scaled to [0, 1].</param>
/// <param name="Std">Of the same.</param>
/// <param name="Interpolation">Of resizing, as open_clip names it.</param>
/// <param name="ResizeMode">shortest (the short side is resized, the centre is cut out), longest or squash, as open_clip names
/// them.</param>
public sealed record Preprocessing(IReadOnlyList<float> Mean, IReadOnlyList<float> Std, string Interpolation, string ResizeMode)
{
    /// <summary>CLIP's own, and the only one that training and evaluation here have.</summary>
    public static Preprocessing Clip { get; } = new(ImageNormalization.Clip.Mean, ImageNormalization.Clip.Std, "bicubic", "shortest");

    /// <summary>Whether it is CLIP's.</summary>
    public bool IsClip =>
        Mean.SequenceEqual(Clip.Mean)
        && Std.SequenceEqual(Clip.Std)
        && Interpolation == Clip.Interpolation
        && ResizeMode == Clip.ResizeMode;
}
