using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;
using ClipTrain.Weights.Safetensors;

namespace ClipTrain.Trainer.Tests.Models;

/// <summary>
/// Compares gradients with a straightforward CLIP in PyTorch (tests/Peers/clip_reference.py) with the same weights and batch.
/// </summary>
public sealed class PeerGradientTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cliptrain-peer-").FullName;

    public static TheoryData<string> Models => [.. ModelVariants.All.Keys];

    [Theory, MemberData(nameof(Models))]
    public void Gradients_equal_PyTorchs(string variant)
    {
        Threads.Set(1);
        var options = TinyClip.Run() with { Model = ModelVariants.All[variant] };
        using var state = new TrainingState(options);
        ModelVariants.GiveResidualsWeight(state.Model.Parameters);
        var batch = TinyClip.Batch(0, 12, tower: options.Model.Image);
        using var step = new TrainingStep(
            state,
            options.Training with
            {
                LossTileRows = 1024,
            },
            new RankGroup(),
            new LearningRateSchedule(1e-3, 1, 10)
        );
        var loss = step.ComputeGradients(batch, [12]);

        var weights = new CheckpointDirectory(_folder);
        using (var snapshot = state.Snapshot())
        {
            snapshot.Write(weights, "", "", new Retention(1), []);
        }

        using var peer = RunPeer(options.Model, Path.Combine(weights.PathOf(0), CheckpointDirectory.ModelFile), batch);

        // The two libraries have other kernels for each processor, and differ by 5e-7 on one and by 1.1e-6 on another. BatchNorm and
        // averages over tokens round more than CLIP's transformers do.
        var rounding = variant is "vit" or "quick gelu" ? 2 : 4;
        Assert.Equal(Read(peer, "loss", 1)[0], loss, 1e-6 * rounding);
        var parameters = state.Model.Parameters;
        Norms.AssertSameGradients(
            parameters
                .Specs.Where(spec => !spec.IsStatistic)
                .ToDictionary(spec => spec.Name, spec => Read(peer, spec.Name, (int)spec.Count), StringComparer.Ordinal),
            parameters.Specs.ToDictionary(
                spec => spec.Name,
                spec => parameters.View(parameters.Gradients, spec.Name).AsSpan<float>().ToArray(),
                StringComparer.Ordinal
            ),
            rounding
        );

        // The optimizer moves the running statistics, here with weights that do not change.
        state.Optimizer.Update(new OptimizerStep(1, 1, 0, 1));
        foreach (var spec in parameters.Specs.Where(spec => spec.IsStatistic))
        {
            Assert.InRange(
                Norms.RelativeDifference(parameters[spec.Name].AsSpan<float>(), Read(peer, spec.Name, (int)spec.Count)),
                0,
                1e-6
            );
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static float[] Read(SafetensorsFile file, string name, int count)
    {
        var values = new float[count];
        file.Read(name, values);
        return values;
    }

    private SafetensorsFile RunPeer(ModelOptions model, string weights, TrainingBatch batch)
    {
        File.WriteAllBytes(Path.Combine(_folder, "images.f32"), MemoryMarshal.AsBytes(batch.Images_b3SS.AsSpan<float>()));
        File.WriteAllBytes(Path.Combine(_folder, "tokens.i64"), MemoryMarshal.AsBytes(batch.Tokens_bL.AsSpan<long>()));
        File.WriteAllBytes(Path.Combine(_folder, "ends.i64"), MemoryMarshal.AsBytes(batch.Ends_b.AsSpan<long>()));
        var json = new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            Converters = { new System.Text.Json.Serialization.JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
        };
        File.WriteAllText(Path.Combine(_folder, "model.json"), JsonSerializer.Serialize(model, json));
        var output = Path.Combine(_folder, "gradients.safetensors");
        var script = Path.Combine(AppContext.BaseDirectory, "Peers", "clip_reference.py");
        var start = new ProcessStartInfo(
            "/usr/bin/python3",
            [script, "gradients", Path.Combine(_folder, "model.json"), weights, _folder, output]
        )
        {
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"The peer failed; scripts/setup --peers installs what it needs.\n{errors}");
        return new SafetensorsFile(output);
    }
}
