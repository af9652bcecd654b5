using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Text;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Weights.Tensors;
using TorchSharp;

namespace ClipTrain.Trainer.Interop;

/// <summary>A model in files, ready to be read.</summary>
/// <param name="Options">Architecture.</param>
/// <param name="Weights">Weights under ClipTrain's names.</param>
/// <param name="Preprocessing">Image preprocessing.</param>
/// <param name="Merges">Vocabulary; null if the model's files do not include it.</param>
/// <param name="Run">The run that trained the model; null if another program trained it, or if unknown.</param>
public sealed record OpenedModel(ModelOptions Options, IWeights Weights, Preprocessing Preprocessing, MergeList? Merges, RunOptions? Run)
    : IDisposable
{
    /// <summary>
    /// Training objective; decides which parts the model has. A model of another program is assumed to be trained with the sigmoid
    /// loss if it adds a bias to its logits.
    /// </summary>
    public Objective Objective =>
        Run?.Training.Objective ?? (Weights.Shapes.ContainsKey(ClipModel.LogitBias) ? Objective.Sigmoid : Objective.Contrastive);

    /// <summary>True if images and texts share an embedding space.</summary>
    public bool HasSharedSpace => Objective.HasSharedSpace();

    /// <summary>True if the model adds a learned bias to its logits.</summary>
    public bool HasLogitBias => Objective.InitialLogits().Bias is not null;

    /// <summary>Throws unless the model uses CLIP's image preprocessing, the only one that evaluation supports.</summary>
    /// <exception cref="UsageException">The preprocessing differs.</exception>
    public void RequireClipPreprocessing()
    {
        if (!Preprocessing.IsClip)
        {
            throw new UsageException(
                $"{Weights.Path}: its image preprocessing differs from CLIP's ({Preprocessing.Interpolation}, "
                    + $"{Preprocessing.ResizeMode}, mean {string.Join(' ', Preprocessing.Mean)}); evaluation supports only CLIP's."
            );
        }
    }

    /// <summary>The model's tokenizer.</summary>
    /// <exception cref="UsageException">The model's files do not include a tokenizer.</exception>
    public BpeTokenizer Tokenizer() =>
        Merges is not null
            ? new BpeTokenizer(Merges, Options.Text.Context)
            : throw new UsageException($"{Weights.Path}: has no tokenizer files next to it. Put vocab.json and merges.txt there.");

    /// <summary>Creates the model and loads its weights.</summary>
    /// <exception cref="WeightsException">The weights do not belong to the model.</exception>
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

/// <summary>Image preprocessing: resize, crop to a square, normalise.</summary>
/// <param name="Mean">Mean of red, green and blue, for channels scaled to [0, 1].</param>
/// <param name="Std">Standard deviation of the same channels.</param>
/// <param name="Interpolation">Interpolation of the resize, as open_clip names it.</param>
/// <param name="ResizeMode">shortest (resize the short side, crop the centre), longest or squash, as open_clip names them.</param>
public sealed record Preprocessing(IReadOnlyList<float> Mean, IReadOnlyList<float> Std, string Interpolation, string ResizeMode)
{
    /// <summary>CLIP's preprocessing, the only one used in training and evaluation.</summary>
    public static Preprocessing Clip { get; } = new(ImageNormalization.Clip.Mean, ImageNormalization.Clip.Std, "bicubic", "shortest");

    /// <summary>True if it is CLIP's preprocessing.</summary>
    public bool IsClip =>
        Mean.SequenceEqual(Clip.Mean)
        && Std.SequenceEqual(Clip.Std)
        && Interpolation == Clip.Interpolation
        && ResizeMode == Clip.ResizeMode;
}
