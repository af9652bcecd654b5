using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Interop;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;
using ClipTrain.Weights.Safetensors;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Models;

public sealed class PositionTableTests
{
    private static readonly float[] s_table =
    [
        0,
        0.09000000357627869f,
        -0.25554120540618896f,
        0.8100000619888306f,
        0.4941135346889496f,
        2.25f,
        -0.6998752355575562f,
        4.410000801086426f,
        0.8591620326042175f,
        7.2900004386901855f,
        -0.9613975286483765f,
        10.89000129699707f,
        0.9997929334640503f,
        15.210000991821289f,
        -0.9717981815338135f,
        20.25f,
        0.8792726993560791f,
        26.0100040435791f,
    ];

    /// <summary>torch.nn.functional.interpolate(…, size=2, mode='bicubic', antialias=True) of the table as a grid of 3.</summary>
    private static readonly float[] s_shrunk =
    [
        -0.11884386092424393f,
        1.5697195529937744f,
        0.035792890936136246f,
        3.9842753410339355f,
        0.1262596994638443f,
        12.9293794631958f,
        -0.011907761916518211f,
        19.459930419921875f,
    ];

    /// <summary>The first two rows of the same for a grid of 5.</summary>
    private static readonly float[] s_grown =
    [
        0.08244265615940094f,
        -0.2780739367008209f,
        -0.1270960569381714f,
        -0.0978567898273468f,
        -0.33966970443725586f,
        0.3209436237812042f,
        0.2554135322570801f,
        1.174967885017395f,
        0.6751808524131775f,
        1.6943004131317139f,
        -0.36226266622543335f,
        1.017423391342163f,
        -0.11836979538202286f,
        1.5119158029556274f,
        0.21742013096809387f,
        2.502537250518799f,
        0.03623468428850174f,
        3.9283828735351562f,
        -0.12268680334091187f,
        4.761991024017334f,
    ];

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public void Positions_are_resampled_like_PyTorch_and_the_class_tokens_is_kept(int side)
    {
        using var guard = no_grad();
        var patches = tensor(s_table, [9, 2]);
        var expected = side == 2 ? s_shrunk : s_grown;
        var resized = PositionTable.Resize(patches, side * side).contiguous().AsSpan<float>();
        Assert.InRange(Norms.RelativeDifference(resized[..expected.Length], expected), 0, 1e-6);

        var withClass = PositionTable.Resize(cat([full([1, 2], 7, float32), patches], 0), (side * side) + 1).contiguous().AsSpan<float>();
        Assert.Equal([7f, 7f], withClass[..2]);
        Assert.Equal(resized, withClass[2..]);
    }

    [Fact]
    public void Sine_positions_are_distinct_and_neighbours_are_equally_similar_everywhere()
    {
        const int side = 5,
            width = 16;
        var rows = PositionTable.Sine(side, width).Chunk(width).ToArray();
        double Likeness(int a, int b) => rows[a].Zip(rows[b], (x, y) => (double)x * y).Sum();
        var itself = Likeness(0, 0);
        for (var a = 0; a < side * side; a++)
        {
            for (var b = 0; b < side * side; b++)
            {
                var (down, right) = ((b / side) - (a / side), (b % side) - (a % side));
                Assert.Equal(Likeness(0, (Math.Abs(down) * side) + Math.Abs(right)), Likeness(a, b), 1e-5);
                Assert.Equal(a == b, Likeness(a, b) > itself - 0.1);
            }
        }
    }

    [Theory]
    [InlineData("vit", 40)]
    [InlineData("average", 16)]
    [InlineData("resnet", 96)]
    public void A_model_loads_weights_trained_at_another_resolution(string variant, int size)
    {
        var options = ModelVariants.All[variant];
        var folder = Directory.CreateTempSubdirectory("cliptrain-positions-").FullName;
        try
        {
            using var state = new TrainingState(TinyClip.Run() with { Model = options });
            using (var snapshot = state.Snapshot())
            {
                snapshot.Write(new CheckpointDirectory(folder), "", "", new Retention(1), []);
            }

            using var other = new ClipModel(options with { Image = options.Image with { Size = size } }, Precision.Fp32, 9);
            using (
                var weights = new SafetensorsFile(Path.Combine(new CheckpointDirectory(folder).PathOf(0), CheckpointDirectory.ModelFile))
            )
            {
                ModelWeights.LoadInto(other.Parameters, weights);
            }

            foreach (var spec in other.Parameters.Specs)
            {
                var (before, after) = (state.Model.Parameters[spec.Name].detach(), other.Parameters[spec.Name]);
                var expected = spec.Name is "visual.positional_embedding" or "visual.attnpool.positional_embedding"
                    ? PositionTable.Resize(before, spec.Shape[0])
                    : before;
                Assert.True(expected.IsSame(after), spec.Name);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
