using ClipTrain.Torch;
using ClipTrain.Trainer.Config;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>A CLIP: both towers, the logit scale and the flat parameters that they share.</summary>
public sealed class ClipModel : IDisposable
{
    /// <summary>Name of the learned log of the factor on the cosine similarities.</summary>
    public const string LogitScale = "logit_scale";

    private readonly TextTower _text;
    private readonly IImageTower _image;

    /// <summary>A model with freshly initialised weights, a pure function of options and seed; without a seed it has none yet, and is to be loaded.</summary>
    public ClipModel(ModelOptions options, Precision precision, ulong? seed, torch.Device? device = null)
    {
        Options = options;
        Parameters = new FlatParameters([.. Specs(options)], precision, seed, device);
        _image = ImageTower.Create(Parameters, options.Image, options.Activation);
        _text = new TextTower(Parameters, options.Text, options.Activation);
    }

    public ModelOptions Options { get; }

    public FlatParameters Parameters { get; }

    /// <summary>Every parameter of a model, in the order in which initial values are drawn.</summary>
    public static IEnumerable<ParameterSpec> Specs(ModelOptions options) =>
    [
        .. TextTower.Parameters(options.Text, options.EmbedDim),
        new(LogitScale, [], false, Initial.Constant(Math.Log(1 / 0.07))),
        .. ImageTower.Parameters(options.Image, options.EmbedDim),
    ];

    /// <summary>Images b3SS → embeddings bE, fp32, of unit length.</summary>
    /// <inheritdoc cref="IImageTower.Segments" path="/param"/>
    public torch.Tensor EncodeImage(torch.Tensor images_b3SS, torch.Tensor? kept_bK = null, BatchStatistics? statistics = null) =>
        TowerPass.Forward(ImageSegments(kept_bK, statistics), images_b3SS);

    /// <summary>Tokens bL and end-of-text positions b → embeddings bE, fp32, of unit length. See <see cref="TextTower.Segments"/>.</summary>
    public torch.Tensor EncodeText(torch.Tensor tokens_bL, torch.Tensor end_b, long longest) =>
        TowerPass.Forward(TextSegments(end_b, longest), tokens_bL);

    /// <summary><see cref="EncodeImage"/> with a way back.</summary>
    public TowerPass PassImage(torch.Tensor images_b3SS, torch.Tensor? kept_bK, ActivationCheckpointing checkpointing, BatchStatistics? statistics = null) =>
        new(ImageSegments(kept_bK, statistics), images_b3SS, checkpointing);

    /// <summary><see cref="EncodeText"/> with a way back.</summary>
    public TowerPass PassText(torch.Tensor tokens_bL, torch.Tensor end_b, long longest, ActivationCheckpointing checkpointing) =>
        new(TextSegments(end_b, longest), tokens_bL, checkpointing);

    /// <summary>The factor on the cosine similarities: exp of the learned log, at most <paramref name="max"/>.</summary>
    public double LogitScaleFactor(double max) => Math.Min(Math.Exp(Parameters[LogitScale].item<float>()), max);

    public void Dispose()
    {
        _text.Dispose();
        Parameters.Dispose();
    }

    private Func<torch.Tensor, torch.Tensor>[] ImageSegments(torch.Tensor? kept_bK, BatchStatistics? statistics) =>
        [.. _image.Segments(kept_bK, statistics), Normalize];

    private Func<torch.Tensor, torch.Tensor>[] TextSegments(torch.Tensor end_b, long longest) => [.. _text.Segments(end_b, longest), Normalize];

    private static torch.Tensor Normalize(torch.Tensor features_bE) => nn.functional.normalize(features_bE.to(float32), 2, -1);
}
