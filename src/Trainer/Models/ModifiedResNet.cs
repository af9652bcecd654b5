using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Models;

/// <summary>
/// CLIP's ResNet (arXiv 2103.00020, section 2.4): a stem of three convolutions and an average pool, four stages of <see
/// cref="Bottleneck"/> blocks, and an <see cref="AttentionPool"/>. Images b3SS → features bE.
/// </summary>
public sealed class ModifiedResNet : IImageTower
{
    /// <summary>Ratio of the image's side to the side of the last map.</summary>
    public const int Reduction = 32;

    private readonly torch.Tensor[] _convolutions;
    private readonly BatchNorm[] _norms;
    private readonly (string Name, Bottleneck Block)[] _blocks;
    private readonly AttentionPool _pool;

    public ModifiedResNet(FlatParameters parameters, ImageTowerOptions options)
    {
        _convolutions = [.. Enumerable.Range(1, 3).Select(i => parameters[$"visual.conv{i}.weight"])];
        _norms = [.. Enumerable.Range(1, 3).Select(i => new BatchNorm(parameters, $"visual.bn{i}"))];
        _blocks = [.. Blocks(options).Select(block => (block.Name, new Bottleneck(parameters, block.Prefix, block.Stride)))];
        _pool = new AttentionPool(parameters, "visual.attnpool.", options.Heads);
    }

    /// <summary>Channels of the last map: 8 times those of the first stage, times the expansion of the blocks.</summary>
    public static long OutputWidth(ImageTowerOptions options) => 8L * options.Width * Bottleneck.Expansion;

    /// <summary>The tower's parameters, with open_clip's names.</summary>
    public static IEnumerable<ParameterSpec> Parameters(ImageTowerOptions options, int embedDim)
    {
        long width = options.Width,
            side = options.Size / Reduction;
        var stem = new[] { (3L, width / 2), (width / 2, width / 2), (width / 2, width) };
        return
        [
            .. stem.SelectMany(
                (channels, i) =>
                    (ParameterSpec[])
                        [
                            new(
                                $"visual.conv{i + 1}.weight",
                                [channels.Item2, channels.Item1, 3, 3],
                                true,
                                Initial.UniformByFanIn(channels.Item1 * 9)
                            ),
                            .. BatchNorm.Parameters($"visual.bn{i + 1}", channels.Item2),
                        ]
            ),
            .. Blocks(options).SelectMany(block => Bottleneck.Parameters(block.Prefix, block.Input, block.Channels, block.Stride)),
            .. AttentionPool.Parameters("visual.attnpool.", side * side, OutputWidth(options), embedDim),
        ];
    }

    public IEnumerable<Segment> Segments(torch.Tensor? kept_bK = null, BatchStatistics? statistics = null) =>
        [.. MapSegments(statistics), Pooling(_pool.Forward)];

    public IEnumerable<Segment> PooledSegments() => Segments();

    public torch.Tensor Project(torch.Tensor pooled_bF) => pooled_bF;

    public IEnumerable<Segment> TokenSegments(torch.Tensor? kept_bK = null, BatchStatistics? statistics = null) =>
        [.. MapSegments(statistics), Pooling(_pool.ForwardTokens)];

    /// <summary>The residual blocks in order, with their input channels and the channels of the 3×3 convolution.</summary>
    internal static IEnumerable<(string Name, string Prefix, long Input, long Channels, long Stride)> Blocks(ImageTowerOptions options)
    {
        long input = options.Width;
        foreach (var (stage, count) in options.Blocks!.Index())
        {
            var channels = (long)options.Width << stage;
            for (var i = 0; i < count; i++)
            {
                yield return (
                    $"stage {stage + 1}, block {i + 1} of the image tower",
                    $"visual.layer{stage + 1}.{i}.",
                    input,
                    channels,
                    stage > 0 && i == 0 ? 2 : 1
                );
                input = channels * Bottleneck.Expansion;
            }
        }
    }

    private IEnumerable<Segment> MapSegments(BatchStatistics? statistics) =>
        [
            new("stem of the image tower", images_b3SS => Stem(images_b3SS, statistics)),
            .. _blocks.Select(block => new Segment(block.Name, x_bCHW => block.Block.Forward(x_bCHW, statistics))),
        ];

    private static Segment Pooling(Func<torch.Tensor, torch.Tensor> pool) => new("attention pooling of the image tower", pool);

    private torch.Tensor Stem(torch.Tensor images_b3SS, BatchStatistics? statistics)
    {
        var x = images_b3SS.to(_convolutions[0].dtype);
        for (var i = 0; i < _convolutions.Length; i++)
        {
            x = _norms[i].Forward(Convolution.Apply(x, _convolutions[i], stride: i == 0 ? 2 : 1), statistics, relu: true);
        }

        return nn.functional.avg_pool2d(x, 2);
    }
}
