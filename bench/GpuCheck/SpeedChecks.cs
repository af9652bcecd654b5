using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using ClipTrain.Torch.Kernels;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Models.Cost;
using ClipTrain.Trainer.Options;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Bench.GpuCheck;

/// <summary>Speed of training steps and of their parts.</summary>
internal static class SpeedChecks
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    /// <summary>
    /// Images per second of whole steps in bf16, and of PyTorch on the same device. Its compilation takes longest and comes last.
    /// </summary>
    public static IEnumerable<CheckResult> Steps(Machine machine)
    {
        (string Name, int Batch)[] models = machine.IsGpu ? [("ViT-B-32", 512), ("ViT-B-16", 256), ("ViT-L-14", 64)] : [("small", 8)];
        var seconds = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (name, batch) in models)
        {
            var model = Model(machine, name);
            seconds[name] = StepSeconds(machine, model, batch);

            // Two operations per multiply-add; backward costs twice the forward pass.
            var operations = 6.0 * batch * ModelCost.Of(model).Sum(part => part.Macs);
            var mfu = machine.Peak is { } peak
                ? string.Create(CultureInfo.InvariantCulture, $", MFU {operations / seconds[name] / peak:P1}")
                : "";
            yield return CheckResult.Figure(
                $"{name}, batch {batch}, bf16: images/s",
                string.Create(CultureInfo.InvariantCulture, $"{batch / seconds[name]:F0}{mfu}")
            );
        }

        foreach (var kind in new[] { "eager", "compiled" })
        {
            foreach (var (name, batch) in models)
            {
                var what = $"{name}: time relative to PyTorch {kind}";
                var (theirs, problem) = PeerSeconds(machine, Model(machine, name), batch, kind);
                yield return theirs is null ? CheckResult.NotHere(what, $"the peer failed: {problem}")
                : machine.IsGpu ? CheckResult.AtMost(what, seconds[name] / theirs.Value, 1.1)
                : CheckResult.Figure(what, string.Create(CultureInfo.InvariantCulture, $"{seconds[name] / theirs.Value:G3}"));
            }
        }
    }

    private static ModelOptions Model(Machine machine, string name) => machine.IsGpu ? RunConfig.LoadModel(name) : Work.Small;

    /// <summary>Seconds of a step whose images are on the device already, as the peer's are.</summary>
    private static double StepSeconds(Machine machine, ModelOptions model, int batch)
    {
        using var scope = NewDisposeScope();
        using var work = new Work(model, Work.Options(batch, Precision.Bf16), machine.Device, 1e-4);
        var pairs = Work.Batch(model, 0, batch, asBytes: machine.IsGpu);
        pairs = pairs with { Images_b3SS = pairs.Images_b3SS.to(machine.Device) };
        return machine.Seconds(() => work.Take(pairs));
    }

    public static IEnumerable<CheckResult> Attention(Machine machine)
    {
        using var scope = NewDisposeScope();
        var (batch, heads) = machine.IsGpu ? (256, 12) : (4, 2);
        var (q, k, v) = (Random(), Random(), Random());
        var composed = machine.Seconds(() => Alone(() => ClipTrain.Trainer.Models.Attention.Mix(q, k, v, null)));
        var fused = machine.Seconds(() => Alone(() => nn.functional.scaled_dot_product_attention(q, k, v)));
        yield return CheckResult.Figure(
            "attention, bf16: fused relative to composed, time",
            string.Create(CultureInfo.InvariantCulture, $"{fused / composed:F2}")
        );
        var expected = ClipTrain.Trainer.Models.Attention.Mix(q, k, v, null);
        var actual = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(expected.shape);
        yield return CheckResult.AtMost("attention, bf16: fused and composed, difference", Machine.Difference(actual, expected), 2e-2);

        Tensor Random() => randn([batch, heads, 197, 64]).to(bfloat16).to(machine.Device);

        // Memory of one call serves the next.
        static void Alone(Func<Tensor> call)
        {
            using var scope = NewDisposeScope();
            _ = call();
        }
    }

    public static IEnumerable<CheckResult> Optimizer(Machine machine)
    {
        var elements = machine.IsGpu ? 151_000_064L : 1_048_576;
        foreach (var type in new[] { float32, bfloat16, uint8 })
        {
            using var scope = NewDisposeScope();
            var buffers = new AdamWBuffers(
                zeros([elements], float32, machine.Device),
                ones([elements], float32, machine.Device),
                MomentBuffer.Zeros(elements, type, machine.Device, isSquares: false),
                MomentBuffer.Zeros(elements, type, machine.Device, isSquares: true),
                zeros([elements], bfloat16, machine.Device)
            );
            var seconds = machine.Seconds(() =>
                AdamWKernel.Apply(
                    buffers,
                    new AdamWStep(1, 1e-4, 0.9, 0.98, 1e-6, 0.2, 1),
                    new AdamWRounding(null, new StochasticRounding(1, 0))
                )
            );
            yield return CheckResult.Figure(
                $"AdamW of {elements / 1e6:F0}M parameters, {type} moments",
                string.Create(CultureInfo.InvariantCulture, $"{seconds * 1000:F1} ms")
            );
        }
    }

    /// <summary>With micro-batches, the memory of a step must not grow with the batch, except for embeddings.</summary>
    public static IEnumerable<CheckResult> Memory(Machine machine)
    {
        var (micro, batches) = machine.IsGpu ? (256, new[] { 512, 2048, 8192 }) : (32, [64, 256]);
        var before = machine.UsedBytes();
        foreach (var batch in batches)
        {
            using var scope = NewDisposeScope();
            using var work = new Work(Work.Small, Work.Options(batch, Precision.Bf16, micro), machine.Device, 1e-4);
            work.Take(Work.Batch(Work.Small, 0, batch));
            machine.Finish();
            yield return CheckResult.Figure(
                $"memory, global batch {batch}, micro-batch {micro}",
                string.Create(CultureInfo.InvariantCulture, $"{(machine.UsedBytes() - before) >> 20} MiB added")
            );
        }
    }

    private static (double? Seconds, string? Problem) PeerSeconds(Machine machine, ModelOptions model, int batch, string kind)
    {
        var path = Path.Combine(Path.GetTempPath(), $"gpu-check-{Environment.ProcessId}.json");
        File.WriteAllText(path, JsonSerializer.Serialize(model, s_json));
        var answer = Machine.Ask(
            machine.Left,
            machine.Python,
            Path.Combine(AppContext.BaseDirectory, "step_peer.py"),
            path,
            $"{batch}",
            "1",
            "bf16",
            "8",
            machine.IsGpu ? "cuda" : "cpu",
            kind
        );
        File.Delete(path);
        var seconds = answer
            .Output?.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Skip(3)
            .Select(line => double.Parse(line.Split(' ')[0], CultureInfo.InvariantCulture))
            .Order()
            .ElementAt(2);
        return (seconds, answer.Problem);
    }
}
