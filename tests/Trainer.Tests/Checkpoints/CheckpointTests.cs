using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;
using ClipTrain.Weights.Safetensors;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Trainer.Tests.Checkpoints;

public sealed class CheckpointTests : IDisposable
{
    private const string ConfigHash = "config",
        CorpusHash = "corpus";
    private readonly string _folder = Directory.CreateTempSubdirectory("cliptrain-checkpoint-").FullName;

    private CheckpointDirectory Checkpoints => new(Path.Combine(_folder, "checkpoints"));

    [Theory]
    [InlineData(Precision.Fp32, 1)]
    [InlineData(Precision.Fp32, 4)]
    [InlineData(Precision.Bf16, 3)]
    public void A_run_resumed_at_any_step_is_bitwise_the_uninterrupted_run(Precision precision, int resumeAt)
    {
        const int steps = 6;
        using var unbroken = new TrainingState(TinyClip.Run(precision));
        Train(unbroken, steps);

        using (var first = new TrainingState(TinyClip.Run(precision)))
        {
            Train(first, resumeAt);
            Write(first);
        }

        using var resumed = new TrainingState(TinyClip.Run(precision) with { Seed = 99 });
        resumed.Load(Checkpoints, resumeAt, ConfigHash, CorpusHash);
        Train(resumed, steps);

        Assert.Equal(unbroken.Model.Parameters.Master.AsSpan<float>(), resumed.Model.Parameters.Master.AsSpan<float>());
        Assert.Equal(unbroken.Optimizer.Moments.First.Values.AsSpan<float>(), resumed.Optimizer.Moments.First.Values.AsSpan<float>());
        Assert.Equal(unbroken.Optimizer.Moments.Second.Values.AsSpan<float>(), resumed.Optimizer.Moments.Second.Values.AsSpan<float>());
        Assert.Equal((unbroken.Step, unbroken.Samples), (resumed.Step, resumed.Samples));
    }

    [Theory]
    [InlineData(MomentType.Fp32, WeightType.Fp32, null, Objective.Contrastive)]
    [InlineData(MomentType.Bf16, WeightType.Fp32, null, Objective.BagOfWords)]
    [InlineData(MomentType.Int8, WeightType.Bf16, null, Objective.Contrastive)]
    [InlineData(MomentType.Int8, WeightType.Fp32, 1, Objective.Contrastive)]
    public void The_size_of_a_checkpoint_is_known_before_it_is_written(
        MomentType moments,
        WeightType textWeights,
        int? unlocked,
        Objective objective
    )
    {
        var run = TinyClip.Run(Precision.Bf16, objective: objective);
        run = run with
        {
            Model = unlocked is null ? run.Model : TinyClip.ResNet,
            Training = run.Training with
            {
                Moments = moments,
                TextWeights = textWeights,
                UnlockedGroups = new UnlockedGroupsOptions { Image = unlocked },
            },
        };
        using var state = new TrainingState(run) { Step = 1234 };
        Write(state);
        Assert.Equal(
            new[] { CheckpointDirectory.ModelFile, CheckpointDirectory.OptimizerFile }.Sum(file =>
                new FileInfo(Path.Combine(Checkpoints.PathOf(1234), file)).Length
            ),
            SnapshotFiles.ByteCount(run, 1234)
        );
    }

    [Fact]
    public void Only_the_newest_checkpoints_are_kept()
    {
        using var state = new TrainingState(TinyClip.Run());
        for (var i = 0; i < 4; i++)
        {
            Train(state, i + 1);
            Write(state);
        }

        Assert.Equal([3L, 4L], Checkpoints.Steps());
    }

    [Theory]
    [InlineData(CheckpointDirectory.ModelFile)]
    [InlineData(CheckpointDirectory.OptimizerFile)]
    [InlineData(CheckpointDirectory.StateFile)]
    public void A_changed_byte_in_any_file_is_rejected_by_name(string file)
    {
        using var state = new TrainingState(TinyClip.Run());
        Write(state);
        var path = Path.Combine(Checkpoints.PathOf(0), file);
        var bytes = File.ReadAllBytes(path);
        bytes[^3] ^= 1;
        File.WriteAllBytes(path, bytes);
        var error = Assert.Throws<WeightsException>(() => state.Load(Checkpoints, 0, ConfigHash, CorpusHash));
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_configuration_or_corpus_is_rejected()
    {
        using var state = new TrainingState(TinyClip.Run());
        Write(state);
        Assert.Contains(
            "another configuration",
            Assert.Throws<WeightsException>(() => state.Load(Checkpoints, 0, "other", CorpusHash)).Message,
            StringComparison.Ordinal
        );
        Assert.Contains(
            "another corpus",
            Assert.Throws<WeightsException>(() => state.Load(Checkpoints, 0, ConfigHash, "other")).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void A_failed_checkpoint_write_keeps_the_earlier_ones()
    {
        using var state = new TrainingState(TinyClip.Run());
        Write(state);
        Train(state, 1);
        // A file in the place of the checkpoint's directory makes the write fail like a full disk, with an IOException.
        File.WriteAllText(Checkpoints.PathOf(1), "");
        var error = Assert.Throws<WeightsException>(() => Write(state));
        Assert.Contains("step 0 is intact", error.Message, StringComparison.Ordinal);
        state.Load(Checkpoints, 0, ConfigHash, CorpusHash);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(60)]
    [InlineData(-1)]
    public void A_truncated_safetensors_file_is_rejected(int length)
    {
        using var state = new TrainingState(TinyClip.Run());
        Write(state);
        var path = Path.Combine(Checkpoints.PathOf(0), CheckpointDirectory.ModelFile);
        var bytes = File.ReadAllBytes(path);
        File.WriteAllBytes(path, length < 0 ? bytes[..^1] : bytes[..length]);
        Assert.Contains(path, Assert.Throws<WeightsException>(() => new SafetensorsFile(path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "twice")]
    [InlineData(
        """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,8]}}""",
        "overlaps"
    )]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "gap")]
    [InlineData("""{"a":3}""", "JSON")]
    [InlineData("[1,", "JSON")]
    public void A_malformed_safetensors_header_is_rejected(string header, string reason)
    {
        var path = Path.Combine(_folder, "bad.safetensors");
        File.WriteAllBytes(
            path,
            [.. BitConverter.GetBytes((ulong)header.Length), .. System.Text.Encoding.UTF8.GetBytes(header), .. new byte[8]]
        );
        Assert.Contains(reason, Assert.Throws<WeightsException>(() => new SafetensorsFile(path)).Message, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static void Train(TrainingState state, int untilStep)
    {
        using var step = new TrainingStep(state, TinyClip.Run().Training, new RankGroup(), new LearningRateSchedule(1e-2, 5, 100));
        while (state.Step < untilStep)
        {
            step.Take(TinyClip.Batch((int)state.Step * 12, 12), [12]);
        }
    }

    private void Write(TrainingState state)
    {
        using var snapshot = state.Snapshot();
        snapshot.Write(Checkpoints, ConfigHash, CorpusHash, new Retention(2), unrecorded: []);
    }
}
