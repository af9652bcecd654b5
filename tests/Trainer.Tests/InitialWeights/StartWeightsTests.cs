using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.InitialWeights;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;
using ClipTrain.Weights.Tensors;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.InitialWeights;

public sealed class StartWeightsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cliptrain-start-").FullName;

    [Theory]
    [InlineData(false, Precision.Fp32)]
    [InlineData(true, Precision.Bf16)]
    public void All_ranks_start_with_the_files_weights_and_zero_moments(bool shard, Precision precision)
    {
        var expected = Write(TinyClip.Run() with { Seed = 3 });
        var run = From(TinyClip.Run(precision) with { Training = TinyClip.Run(precision).Training with { ShardOptimizer = shard } });
        var ranks = Ranks.Run(
            3,
            group =>
            {
                using var state = new TrainingState(run, null, group.Rank, group.WorldSize);
                StateTransfer.Begin(state, group, run);
                Assert.Equal(0, state.Step);
                Assert.All(state.Optimizer.Moments.First.Values.AsSpan<float>().ToArray(), moment => Assert.Equal(0, moment));
                return state.Model.Parameters.Specs.ToDictionary(
                    spec => spec.Name,
                    spec => state.Model.Parameters.View(state.Model.Parameters.Master, spec.Name).AsSpan<float>().ToArray(),
                    StringComparer.Ordinal
                );
            }
        );
        Assert.All(ranks, rank => Assert.Equal(expected, rank));
    }

    [Fact]
    public void Another_resolution_and_context_are_resized_and_exceptions_keep_their_initial_values()
    {
        var expected = Write(TinyClip.Run() with { Seed = 3 });
        var model = TinyClip.Model with
        {
            EmbedDim = 16,
            Image = TinyClip.Model.Image with { Size = 40 },
            Text = TinyClip.Model.Text with { Context = 8 },
        };
        var run = From(TinyClip.Run() with { Model = model });
        run = run with { Training = run.Training with { StartFromExcept = ["text_projection", "visual.proj"] } };
        using var group = new Trainer.Distributed.RankGroup();
        using var state = new TrainingState(run);
        using var fresh = new ClipModel(model, Precision.Fp32, run.Seed);
        StateTransfer.Begin(state, group, run);
        foreach (var spec in state.Model.Parameters.Specs)
        {
            var values = state.Model.Parameters[spec.Name].detach();
            var from = spec.Name switch
            {
                "text_projection" or "visual.proj" => fresh.Parameters[spec.Name].detach(),
                "visual.positional_embedding" => PositionTable.Resize(tensor(expected[spec.Name], [10, 32]), 26),
                "positional_embedding" => tensor(expected[spec.Name], [20, 24]).narrow(0, 0, 8),
                _ => tensor(expected[spec.Name], [.. spec.Shape]),
            };
            Assert.True(values.IsSame(from.view(values.shape)), spec.Name);
        }
    }

    [Fact]
    public void Weights_that_changed_since_the_run_began_are_rejected_on_every_rank()
    {
        Write(TinyClip.Run() with { Seed = 3 });
        var run = From(TinyClip.Run());
        using (var weights = new StartWeights(run))
        {
            run = run with { Training = run.Training with { StartFromSha256 = weights.Examine().Sha256 } };
        }

        using (var same = new StartWeights(run))
        {
            same.Examine();
        }

        Write(TinyClip.Run() with { Seed = 4 });
        var errors = Ranks.Run(
            2,
            group =>
            {
                using var state = new TrainingState(run);
                return Assert.Throws<WeightsException>(() => StateTransfer.Begin(state, group, run)).Message;
            }
        );
        Assert.Contains("start_from_sha256", errors[0], StringComparison.Ordinal);
        Assert.Contains("rank 0", errors[1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_a_checkpoint_and_a_run_give_the_same_weights()
    {
        Write(TinyClip.Run());
        var checkpoint = new CheckpointDirectory(Path.Combine(_folder, "checkpoints")).PathOf(0);
        var file = Path.Combine(checkpoint, CheckpointDirectory.ModelFile);
        Assert.All(
            [file, checkpoint, _folder],
            path =>
            {
                using var weights = WeightSource.Open(path, Activation.Gelu).Weights;
                Assert.Equal(file, weights.Path);
            }
        );
        Assert.Contains(
            "is not a weights file, a checkpoint",
            Assert.Throws<WeightsException>(() => WeightSource.Open(Path.Combine(_folder, "other"), Activation.Gelu)).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void The_report_is_read_back_from_its_file()
    {
        Write(TinyClip.Run());
        using var weights = new StartWeights(From(TinyClip.Run()));
        var report = weights.Examine();
        var path = Path.Combine(_folder, "start_from.json");
        report.Save(path);
        var read = StartReport.Read(path);
        Assert.Equal((report.Sha256, report.Loaded, report.Tensors.Count), (read.Sha256, read.Loaded, read.Tensors.Count));
        Assert.Contains("\"loaded\": ", File.ReadAllText(path), StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private RunOptions From(RunOptions run) => run with { Training = run.Training with { StartFrom = _folder } };

    /// <summary>Writes a run's initial weights as its checkpoint, and returns them.</summary>
    private Dictionary<string, float[]> Write(RunOptions run)
    {
        using var state = new TrainingState(run);
        using var snapshot = state.Snapshot();
        snapshot.Write(new CheckpointDirectory(Path.Combine(_folder, "checkpoints")), "", "", new Retention(1), []);
        return state.Model.Parameters.Specs.ToDictionary(
            spec => spec.Name,
            spec => state.Model.Parameters[spec.Name].AsSpan<float>().ToArray(),
            StringComparer.Ordinal
        );
    }
}
