using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// A CLIP model: both towers, the logit scale and their shared flat parameters. For an objective without text embeddings, the image
/// tower and a prediction head instead of the text tower.
/// </summary>
public sealed class ClipModel : IDisposable
{
    /// <summary>Name of the log of the learned logit scale.</summary>
    public const string LogitScale = "logit_scale";

    /// <summary>Name of the bias that the pairwise sigmoid loss adds to all logits.</summary>
    public const string LogitBias = "logit_bias";

    private static readonly Segment s_inFp32 = new("conversion of the image features", features => features.to(float32));

    private readonly TextTower? _text;
    private readonly CaptionDecoder? _decoder;
    private readonly IImageTower _image;
    private readonly int _lockedImage,
        _lockedText;
    private readonly ILookup<(Tower Tower, int Group), int> _leaves;

    /// <summary>
    /// A model with freshly initialised weights, a pure function of options and seed. Without a seed the weights are zero and must
    /// be loaded.
    /// </summary>
    /// <param name="options">The architecture.</param>
    /// <param name="precision">Compute type of the towers.</param>
    /// <param name="seed">Seed of the initial weights.</param>
    /// <param name="device">Device of the parameters.</param>
    /// <param name="objective">Training objective; decides which parts the model has.</param>
    /// <param name="training">
    /// Locked parameters and learning rate factors; null if the model is not trained, or all parameters are trained alike.
    /// </param>
    public ClipModel(
        ModelOptions options,
        Precision precision,
        ulong? seed,
        torch.Device? device = null,
        Objective objective = Objective.Contrastive,
        TrainingOptions? training = null
    )
    {
        (Options, Objective) = (options, objective);
        var specs = Specs(options, objective);
        if (training is not null)
        {
            specs = specs.Select(spec => FineTuning.Apply(spec, options, training));
            _lockedImage = FineTuning.LockedGroups(options, training, Tower.Image);
            _lockedText = FineTuning.LockedGroups(options, training, Tower.Text);
        }

        Parameters = new FlatParameters([.. specs], precision, seed, device);
        _leaves = Parameters
            .Specs.Index()
            .Where(entry => entry.Item is { IsLocked: false, IsStatistic: false } && TowerGroups.Of(options, entry.Item.Name) is not null)
            .ToLookup(entry => TowerGroups.Of(options, entry.Item.Name)!.Value, entry => entry.Index);
        _image = ImageTower.Create(Parameters, options.Image, options.Activation);
        if (HasTextTower)
        {
            _text = new TextTower(Parameters, options.Text, options.Activation);
        }

        if (objective == Objective.Captioning)
        {
            _decoder = new CaptionDecoder(Parameters, options.Text, options.Activation);
        }
    }

    public ModelOptions Options { get; }

    /// <summary>Training objective; decides which parts the model has besides the image tower.</summary>
    public Objective Objective { get; }

    /// <summary>True if captions have embeddings in a space shared with the images.</summary>
    public bool HasTextTower => Objective.HasSharedSpace();

    public FlatParameters Parameters { get; }

    /// <summary>Every parameter of a model, in the order in which initial values are drawn.</summary>
    public static IEnumerable<ParameterSpec> Specs(ModelOptions options, Objective objective = Objective.Contrastive)
    {
        var others = objective switch
        {
            Objective.BagOfWords => ClassifierHead.Parameters(options.EmbedDim, options.Text.Vocabulary),
            Objective.Captioning => CaptionDecoder.Parameters(options.Text, options.EmbedDim),
            Objective.Classification => ClassifierHead.Parameters(options.EmbedDim, options.Image.Classes!.Value),
            Objective.TwoViews => LogitParameters(objective),
            _ => [.. TextTower.Parameters(options.Text, options.EmbedDim), .. LogitParameters(objective)],
        };
        return [.. others, .. ImageTower.Parameters(options.Image, options.EmbedDim)];
    }

    /// <summary>Images b3SS → embeddings bE, fp32, of unit length.</summary>
    /// <inheritdoc cref="IImageTower.Segments" path="/param"/>
    public torch.Tensor EncodeImage(torch.Tensor images_b3SS, torch.Tensor? kept_bK = null, BatchStatistics? statistics = null) =>
        TowerPass.Forward(ImageSegments(kept_bK, statistics), images_b3SS);

    /// <summary>Images b3SS → features before the projection bF and after it bE, fp32, neither of unit length.</summary>
    public (torch.Tensor Pooled_bF, torch.Tensor Projected_bE) EncodeImageFeatures(torch.Tensor images_b3SS)
    {
        var pooled_bF = TowerPass.Forward([.. _image.PooledSegments()], images_b3SS);
        return (pooled_bF.to(float32), _image.Project(pooled_bF).to(float32));
    }

    /// <summary>
    /// Tokens bL and end-of-text positions b → embeddings bE, fp32, of unit length. See <see cref="TextTower.Segments"/>.
    /// </summary>
    public torch.Tensor EncodeText(torch.Tensor tokens_bL, torch.Tensor end_b, long longest) =>
        TowerPass.Forward(TextSegments(end_b, longest), tokens_bL);

    /// <summary><see cref="EncodeImage"/> with a backward pass.</summary>
    public TowerPass PassImage(
        torch.Tensor images_b3SS,
        torch.Tensor? kept_bK,
        ActivationCheckpointing checkpointing,
        BatchStatistics? statistics = null
    ) => new(ImageSegments(kept_bK, statistics), images_b3SS, checkpointing, _lockedImage);

    /// <summary><see cref="EncodeText"/> with a backward pass.</summary>
    public TowerPass PassText(torch.Tensor tokens_bL, torch.Tensor end_b, long longest, ActivationCheckpointing checkpointing) =>
        new(TextSegments(end_b, longest), tokens_bL, checkpointing, _lockedText);

    /// <summary>Number of locked segments of the image tower.</summary>
    public int LockedImageSegments => _lockedImage;

    /// <summary>True if a tower has trainable parameters; otherwise it needs no backward pass.</summary>
    public bool Trains(Tower tower) => (tower == Tower.Image ? _lockedImage : _lockedText) < TowerGroups.Count(Options, tower);

    /// <summary>
    /// Indices into <see cref="FlatParameters.Specs"/> of the parameters that are complete once backward has left a segment. If a
    /// decoder follows the image tower in one chain, its segments count as the text tower's.
    /// </summary>
    public IReadOnlyList<int> LeavesOf(Tower tower, int segment)
    {
        var behind = segment - TowerGroups.Count(Options, tower);
        return tower == Tower.Image && behind >= 0 && _decoder is not null
            ? [.. _leaves[(Tower.Text, behind)]]
            : [.. _leaves[(tower, segment)]];
    }

    /// <summary>The image tower as a chain of segments: images b3SS → features bE, fp32, unnormalised.</summary>
    public IReadOnlyList<Segment> FeatureSegments(torch.Tensor? kept_bK = null, BatchStatistics? statistics = null) =>
        [.. _image.Segments(kept_bK, statistics), s_inFp32];

    /// <summary>
    /// Image tower and caption decoder as a chain of segments: images b3SS → rows nW, fp32. See <see cref="CaptionDecoder.Segments"/>.
    /// </summary>
    public IReadOnlyList<Segment> CaptionSegments(
        torch.Tensor tokens_bL,
        torch.Tensor rows_n,
        long length,
        torch.Tensor? kept_bK = null,
        BatchStatistics? statistics = null
    ) => [.. _image.TokenSegments(kept_bK, statistics), .. DecoderSegments(tokens_bL, rows_n, length)];

    /// <summary>Images b3SS → features of the token positions bPE, fp32, which a caption decoder reads.</summary>
    public torch.Tensor EncodeImageTokens(torch.Tensor images_b3SS) =>
        TowerPass.Forward([.. _image.TokenSegments(), s_inFp32], images_b3SS);

    /// <summary>
    /// The caption decoder as a chain of segments: features of the token positions bPE in the compute type → rows nW, fp32. See
    /// <see cref="CaptionDecoder.Segments"/>.
    /// </summary>
    public IReadOnlyList<Segment> DecoderSegments(torch.Tensor tokens_bL, torch.Tensor rows_n, long length) =>
        [.. (_decoder ?? throw Lacks("caption decoder")).Segments(tokens_bL, rows_n, length)];

    /// <summary>
    /// Number of tokens that a caption decoder computes if <paramref name="longestEnd"/> is the position of the last end-of-text
    /// token.
    /// </summary>
    public long CaptionLength(long longestEnd) => TextTower.Length(Options.Text, longestEnd - 1);

    /// <summary>Learned bias added to all logits; null if there is none.</summary>
    public double? LogitBiasTerm => Parameters.Has(LogitBias) ? Parameters[LogitBias].item<float>() : null;

    /// <summary>Factor on the cosine similarities: exp of the learned log, at most <paramref name="max"/>.</summary>
    public double LogitScaleFactor(double max) => Math.Min(Math.Exp(Parameters[LogitScale].item<float>()), max);

    /// <summary>Keeps <see cref="LogitScaleFactor"/> between 1 and <paramref name="max"/>.</summary>
    public void ClampLogitScale(double max)
    {
        using var guard = no_grad();
        Parameters[LogitScale].clamp_(0, Math.Log(max));
    }

    public void Dispose()
    {
        _text?.Dispose();
        Parameters.Dispose();
    }

    private Segment[] ImageSegments(torch.Tensor? kept_bK, BatchStatistics? statistics) =>
        [.. _image.Segments(kept_bK, statistics), Unit("image")];

    private Segment[] TextSegments(torch.Tensor end_b, long longest) =>
        [.. (_text ?? throw Lacks("text tower")).Segments(end_b, longest), Unit("text")];

    private InvalidOperationException Lacks(string part) => new($"A model for {Objective} has no {part}.");

    private static IEnumerable<ParameterSpec> LogitParameters(Objective objective)
    {
        var (scale, bias) = objective.InitialLogits();
        yield return new ParameterSpec(LogitScale, [], false, Initial.Constant(Math.Log(scale)));
        if (bias is { } initial)
        {
            yield return new ParameterSpec(LogitBias, [], false, Initial.Constant(initial));
        }
    }

    /// <summary>Features → embeddings of unit length.</summary>
    private static Segment Unit(string tower) =>
        new($"normalization of the {tower} embeddings", features_bE => nn.functional.normalize(features_bE.to(float32), 2, -1));
}
