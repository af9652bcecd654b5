using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// A CLIP: both towers, the logit scale and the flat parameters that they share. For an objective that compares no texts, the
/// image tower and what predicts from it in place of the text tower.
/// </summary>
public sealed class ClipModel : IDisposable
{
    /// <summary>Name of the learned log of the factor on the cosine similarities.</summary>
    public const string LogitScale = "logit_scale";

    /// <summary>Name of what the pairwise sigmoid loss adds to all logits.</summary>
    public const string LogitBias = "logit_bias";

    private readonly TextTower? _text;
    private readonly CaptionDecoder? _decoder;
    private readonly IImageTower _image;
    private readonly int _lockedImage,
        _lockedText;
    private readonly ILookup<(Tower Tower, int Group), int> _leaves;

    /// <summary>
    /// A model with freshly initialised weights, a pure function of options and seed; without a seed it has none yet, and is to be
    /// loaded.
    /// </summary>
    /// <param name="options">The model.</param>
    /// <param name="precision">The type that the towers compute in.</param>
    /// <param name="seed">Of the initial weights.</param>
    /// <param name="device">Where it lies.</param>
    /// <param name="objective">What it is trained for, which says what parts it has.</param>
    /// <param name="training">How its parameters are to be trained: what is locked, at what rates. Null where it is not, or all
    /// alike.</param>
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
            _text = new TextTower(Parameters, options.Text, options.Activation);
        if (objective == Objective.Captioning)
            _decoder = new CaptionDecoder(Parameters, options.Text, options.Activation);
    }

    public ModelOptions Options { get; }

    /// <summary>What it is trained for, which says what there is beside the image tower.</summary>
    public Objective Objective { get; }

    /// <summary>Whether captions have embeddings in a space that they share with the images.</summary>
    public bool HasTextTower => Objective is Objective.Contrastive or Objective.Sigmoid;

    public FlatParameters Parameters { get; }

    /// <summary>Every parameter of a model, in the order in which initial values are drawn.</summary>
    public static IEnumerable<ParameterSpec> Specs(ModelOptions options, Objective objective = Objective.Contrastive)
    {
        IEnumerable<ParameterSpec> others = objective switch
        {
            Objective.BagOfWords => ClassifierHead.Parameters(options.EmbedDim, options.Text.Vocabulary),
            Objective.Captioning => CaptionDecoder.Parameters(options.Text, options.EmbedDim),
            Objective.Classification => ClassifierHead.Parameters(options.EmbedDim, options.Image.Classes!.Value),
            _ => [.. TextTower.Parameters(options.Text, options.EmbedDim), .. LogitParameters(objective)],
        };
        return [.. others, .. ImageTower.Parameters(options.Image, options.EmbedDim)];
    }

    /// <summary>Images b3SS → embeddings bE, fp32, of unit length.</summary>
    /// <inheritdoc cref="IImageTower.Segments" path="/param"/>
    public torch.Tensor EncodeImage(torch.Tensor images_b3SS, torch.Tensor? kept_bK = null, BatchStatistics? statistics = null) =>
        TowerPass.Forward(ImageSegments(kept_bK, statistics), images_b3SS);

    /// <summary>Images b3SS → features before the projection bF and behind it bE, fp32, neither of unit length.</summary>
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

    /// <summary><see cref="EncodeImage"/> with a way back.</summary>
    public TowerPass PassImage(
        torch.Tensor images_b3SS,
        torch.Tensor? kept_bK,
        ActivationCheckpointing checkpointing,
        BatchStatistics? statistics = null
    ) => new(ImageSegments(kept_bK, statistics), images_b3SS, checkpointing, _lockedImage);

    /// <summary><see cref="EncodeText"/> with a way back.</summary>
    public TowerPass PassText(torch.Tensor tokens_bL, torch.Tensor end_b, long longest, ActivationCheckpointing checkpointing) =>
        new(TextSegments(end_b, longest), tokens_bL, checkpointing, _lockedText);

    /// <summary>How many segments of the image tower are locked.</summary>
    public int LockedImageSegments => _lockedImage;

    /// <summary>Whether a tower has parameters that are trained; one that has none needs no way back.</summary>
    public bool Trains(Tower tower) => (tower == Tower.Image ? _lockedImage : _lockedText) < TowerGroups.Count(Options, tower);

    /// <summary>
    /// Numbers of the parameters that are done once the way back has left a segment, in the order of <see cref="FlatParameters.Specs"/>.
    /// Where a decoder follows an image tower in one chain, its segments are counted on as the text tower's.
    /// </summary>
    public IReadOnlyList<int> LeavesOf(Tower tower, int segment)
    {
        var behind = segment - TowerGroups.Count(Options, tower);
        return tower == Tower.Image && behind >= 0 && _decoder is not null
            ? [.. _leaves[(Tower.Text, behind)]]
            : [.. _leaves[(tower, segment)]];
    }

    /// <summary>The image tower as a chain of segments: images b3SS → features bE, fp32, as the pooling gives them.</summary>
    public IReadOnlyList<Func<torch.Tensor, torch.Tensor>> FeatureSegments(
        torch.Tensor? kept_bK = null,
        BatchStatistics? statistics = null
    ) => [.. _image.Segments(kept_bK, statistics), features_bE => features_bE.to(float32)];

    /// <summary>
    /// Image tower and caption decoder as a chain of segments: images b3SS → rows nW, fp32. See <see cref="CaptionDecoder.Segments"/>.
    /// </summary>
    public IReadOnlyList<Func<torch.Tensor, torch.Tensor>> CaptionSegments(
        torch.Tensor tokens_bL,
        torch.Tensor rows_n,
        long length,
        torch.Tensor? kept_bK = null,
        BatchStatistics? statistics = null
    ) =>
        [.. _image.PlaceSegments(kept_bK, statistics), .. (_decoder ?? throw Lacks("caption decoder")).Segments(tokens_bL, rows_n, length)];

    /// <summary>
    /// Tokens that a caption decoder computes of captions of which the longest ends at a place: all before the end are read.
    /// </summary>
    public long CaptionLength(long longestEnd) => TextTower.Length(Options.Text, longestEnd - 1);

    /// <summary>What is added to all logits; null where nothing is learned to be.</summary>
    public double? LogitBiasTerm => Parameters.Has(LogitBias) ? Parameters[LogitBias].item<float>() : null;

    /// <summary>The factor on the cosine similarities: exp of the learned log, at most <paramref name="max"/>.</summary>
    public double LogitScaleFactor(double max) => Math.Min(Math.Exp(Parameters[LogitScale].item<float>()), max);

    public void Dispose()
    {
        _text?.Dispose();
        Parameters.Dispose();
    }

    private Func<torch.Tensor, torch.Tensor>[] ImageSegments(torch.Tensor? kept_bK, BatchStatistics? statistics) =>
        [.. _image.Segments(kept_bK, statistics), Normalize];

    private Func<torch.Tensor, torch.Tensor>[] TextSegments(torch.Tensor end_b, long longest) =>
        [.. (_text ?? throw Lacks("text tower")).Segments(end_b, longest), Normalize];

    private InvalidOperationException Lacks(string part) => new($"A model for {Objective} has no {part}.");

    /// <summary>SigLIP begins with a scale of 10 and a bias of −10, as most pairs are no match (arXiv 2303.15343, section 3.2).</summary>
    private static IEnumerable<ParameterSpec> LogitParameters(Objective objective) =>
        objective == Objective.Sigmoid
            ? [new(LogitScale, [], false, Initial.Constant(Math.Log(10))), new(LogitBias, [], false, Initial.Constant(-10))]
            : [new(LogitScale, [], false, Initial.Constant(Math.Log(1 / 0.07)))];

    private static torch.Tensor Normalize(torch.Tensor features_bE) => nn.functional.normalize(features_bE.to(float32), 2, -1);
}
