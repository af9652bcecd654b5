using System.Text.Json;
using ClipTrain.DataPipeline.Images;
using ClipTrain.Torch.Kernels;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;
using ClipTrain.Weights.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Bench.GpuCheck;

/// <summary>Results of the device compared with those of the CPU.</summary>
internal static class NumberChecks
{
    private const int Pairs = 64;

    private static readonly ModelOptions s_resNet = Work.Small with
    {
        Image = new ImageTowerOptions
        {
            Architecture = ImageArchitecture.Resnet,
            Size = 64,
            Width = 16,
            Blocks = [1, 1, 1, 1],
            Heads = 8,
        },
    };

    public static IEnumerable<CheckResult> Gradients(Machine machine)
    {
        // A ResNet's BatchNorm divides by deviations of narrow numbers: on a CPU its gradients are off by 0.09 in bf16 and 0.03 in fp16.
        foreach (var (name, model, bf16, fp16) in new[] { ("ViT", Work.Small, 3e-2, 5e-3), ("ResNet", s_resNet, 0.15, 0.05) })
        {
            foreach (var (precision, bound) in new[] { (Precision.Fp32, 1e-4), (Precision.Bf16, bf16), (Precision.Fp16, fp16) })
            {
                using var scope = NewDisposeScope();
                yield return CheckResult.AtMost(
                    $"gradients, {name}, {JsonNamingPolicy.SnakeCaseLower.ConvertName(precision.ToString())}, against fp32 on the CPU",
                    Machine.Difference(Gradient(model, precision, machine.Device), Gradient(model, Precision.Fp32, CPU)),
                    bound
                );
            }
        }
    }

    /// <summary>The same gradients computed twice.</summary>
    public static IEnumerable<CheckResult> Repeated(Machine machine)
    {
        foreach (var (name, model) in new[] { ("ViT", Work.Small), ("ResNet", s_resNet) })
        {
            using var scope = NewDisposeScope();
            var (first, second) = (Gradient(model, Precision.Bf16, machine.Device), Gradient(model, Precision.Bf16, machine.Device));
            var equal = first.eq(second).to(float64).mean().item<double>();
            yield return new CheckResult($"gradients, {name}, bf16, computed twice: equal bits", "all", $"{equal:P3}", equal == 1);
        }
    }

    public static CheckResult Losses(Machine machine)
    {
        const int Steps = 50;
        double[] Run(torch.Device device)
        {
            using var scope = NewDisposeScope();
            using var work = new Work(Work.Small, Work.Options(Pairs, Precision.Fp32), device, 1e-3);
            return [.. Enumerable.Range(0, Steps).Select(step => work.Take(Work.Batch(Work.Small, step % 5 * Pairs, Pairs)).Loss)];
        }

        return CheckResult.AtMost(
            $"losses of {Steps} steps, fp32, largest relative difference",
            Run(machine.Device).Zip(Run(CPU), (ours, cpus) => Math.Abs(ours - cpus) / cpus).Max(),
            1e-2
        );
    }

    public static CheckResult Bytes(Machine machine)
    {
        using var scope = NewDisposeScope();
        var bytes = Work.Batch(Work.Small, 0, 8, asBytes: true).Images_b3SS;
        var factors = tensor([.. Enumerable.Range(0, 3).Select(ImageNormalization.Clip.Factor)]).view([3, 1, 1]);
        var offsets = tensor([.. Enumerable.Range(0, 3).Select(ImageNormalization.Clip.Offset)]).view([3, 1, 1]);
        var difference = (ImageInput.OnDevice(bytes, machine.Device).to(CPU) - ((bytes.to(float32) * factors) + offsets))
            .abs()
            .max()
            .item<float>();
        return CheckResult.AtMost("uint8 images normalised on the device, largest difference", difference, 1e-6);
    }

    /// <summary>The optimizer built from operators, as on GPUs, compared with the fused pass of the CPU.</summary>
    public static IEnumerable<CheckResult> Optimizer(Machine machine)
    {
        const long Elements = 1 << 20;
        foreach (var type in new[] { float32, bfloat16, uint8 })
        {
            using var scope = NewDisposeScope();
            AdamWBuffers Run(torch.Device device)
            {
                var buffers = new AdamWBuffers(
                    randn([Elements], generator: new Generator(1)).to(bfloat16).to(device),
                    randn([Elements], generator: new Generator(2)).to(device),
                    MomentBuffer.Zeros(Elements, type, device, isSquares: false),
                    MomentBuffer.Zeros(Elements, type, device, isSquares: true),
                    null
                );
                for (var step = 1; step <= 3; step++)
                {
                    AdamWKernel.Apply(
                        buffers,
                        new AdamWStep(step, 1e-2, 0.9, 0.98, 1e-6, 0.2, 1),
                        new AdamWRounding(new StochasticRounding((ulong)step, 0), new StochasticRounding((ulong)step + 100, 0))
                    );
                }

                return buffers;
            }

            var (there, here) = (Run(machine.Device), Run(CPU));
            var equal = there.Parameters.to(CPU).eq(here.Parameters).to(float64).mean().item<double>();
            yield return new CheckResult($"AdamW, {type} moments, bf16 weights: equal bits", "≥ 0.99", $"{equal:F5}", equal >= 0.99);
            yield return CheckResult.AtMost(
                $"AdamW, {type} moments: difference of the second moment",
                Machine.Difference(there.SecondMoment.ToFloat(), here.SecondMoment.ToFloat()),
                type == float32 ? 1e-5 : 0.02
            );
        }
    }

    private static Tensor Gradient(ModelOptions model, Precision precision, torch.Device device)
    {
        // With a learning rate of zero, a step computes gradients and changes nothing else.
        using var work = new Work(model, Work.Options(Pairs, precision), device, 0);
        var batch = Work.Batch(model, 0, Pairs);
        StepResult result;
        long skipped;
        do
        {
            // In fp16 the first scales of the loss may overflow.
            skipped = work.State.SkippedSteps;
            result = work.Take(batch);
        } while (work.State.SkippedSteps > skipped);

        return work
            .State.Model.Parameters.Gradients.narrow(0, 0, work.State.Model.Parameters.Trained.Length)
            .div(result.LossScale ?? 1)
            .to(CPU);
    }
}
