using System.CommandLine;
using System.Globalization;
using ClipTrain.Bench.Memory;
using ClipTrain.Torch.Kernels;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;
using ClipTrain.Weights.Tensors;
using static TorchSharp.torch;

// Memory and time of the loss, of whole steps and of the training state. Each measurement runs in its own process.
var threads = new Option<int>("--threads")
{
    DefaultValueFactory = _ => 1,
    Recursive = true,
    Description = "Compute threads per process.",
};
var root = new RootCommand("Measure the memory of the loss, of steps and of the training state.")
{
    threads,
    Loss(),
    Steps(),
    Micro(),
    States(),
    Flat(),
    Child(),
};
return root.Parse(args).Invoke();

Command Loss()
{
    var tiled = new Option<int[]>("--pairs")
    {
        DefaultValueFactory = _ => [8192, 16384, 32768],
        AllowMultipleArgumentsPerToken = true,
        Description = "Global batches for the tiled loss.",
    };
    var full = new Option<int[]>("--full-pairs")
    {
        DefaultValueFactory = _ => [8192, 16384],
        AllowMultipleArgumentsPerToken = true,
        Description = "Global batches for the full matrix.",
    };
    var width = new Option<int>("--width") { DefaultValueFactory = _ => 512, Description = "Width of the embeddings." };
    var command = new Command("loss", "Compare the tiled loss with the full matrix of logits.") { tiled, full, width };
    command.SetAction(parsed =>
    {
        Console.WriteLine("loss      pairs  processes  seconds  MiB per process beside the embeddings");
        foreach (
            var (form, pairs) in parsed
                .GetValue(full)!
                .Select(n => ("full", n))
                .Concat(parsed.GetValue(tiled)!.SelectMany(n => new[] { ("tiled", n), ("sigmoid", n) }))
        )
        {
            foreach (var processes in new[] { 1, 2 })
            {
                var result = Measurement.InProcesses(
                    processes,
                    "loss",
                    form,
                    $"{pairs}",
                    $"{parsed.GetValue(width)}",
                    $"{parsed.GetValue(threads)}"
                );
                Console.WriteLine(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{Cell.Left(form, 7)} {Cell.Right(pairs, 6)} {Cell.Right(processes, 10)} "
                            + $"{Cell.Right(result.Seconds, 8, "F2")} {Cell.Right(result.Added >> 20, 8)}"
                    )
                );
            }
        }

        Console.WriteLine("The full matrix grows quadratically: twice the pairs take four times the memory.");
    });
    return command;
}

Command Steps()
{
    var batches = new Option<int[]>("--batches")
    {
        DefaultValueFactory = _ => [1024, 4096, 16384, 65536, 131072],
        AllowMultipleArgumentsPerToken = true,
        Description = "Global batches.",
    };
    var micro = new Option<int>("--micro-batch") { DefaultValueFactory = _ => 256 };
    var command = new Command("step", "Measure a step of a small model as the global batch grows.") { batches, micro };
    command.SetAction(parsed =>
    {
        Console.WriteLine($"   batch  micro-batch  seconds  MiB in all  MiB beside the batch");
        foreach (var batch in parsed.GetValue(batches)!)
        {
            var result = Step(batch, parsed.GetValue(micro), ActivationCheckpointing.None, parsed.GetValue(threads));
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Cell.Right(batch, 8)} {Cell.Right(parsed.GetValue(micro), 12)} "
                        + $"{Cell.Right(result.Seconds, 8, "F2")} {Cell.Right(result.Peak >> 20, 11)} {Cell.Right(result.Added >> 20, 10)}"
                )
            );
        }
    });
    return command;
}

Command Micro()
{
    var batch = new Option<int>("--batch") { DefaultValueFactory = _ => 1024 };
    var micros = new Option<int[]>("--micro-batches") { DefaultValueFactory = _ => [0, 256, 64], AllowMultipleArgumentsPerToken = true };
    var command = new Command("micro", "Compare a step with micro-batches or checkpointing with one pass.") { batch, micros };
    command.SetAction(parsed =>
    {
        Threads.Set(parsed.GetValue(threads));
        var pairs = parsed.GetValue(batch);
        using var scope = NewDisposeScope();
        using var onePass = new StepWork(pairs, 0, ActivationCheckpointing.None);
        var expected = onePass.Take(onePass.Batch());
        var norm = Math.Sqrt(SumOfSquares.Of(expected));
        double? whole = null;
        Console.WriteLine("micro-batch  checkpointing  seconds  time ratio  MiB beside the batch  gradient difference");
        foreach (var micro in parsed.GetValue(micros)!)
        {
            foreach (var checkpointing in Enum.GetValues<ActivationCheckpointing>())
            {
                var result = Step(pairs, micro, checkpointing, parsed.GetValue(threads));
                whole ??= result.Seconds;
                using var work = new StepWork(pairs, micro, checkpointing);
                var difference = Math.Sqrt(SumOfSquares.Of(work.Take(work.Batch()).sub(expected))) / norm;
                Console.WriteLine(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{Cell.Right(micro, 11)} {Cell.Right(checkpointing, 14)} "
                            + $"{Cell.Right(result.Seconds, 8, "F2")} {Cell.Right(result.Seconds / whole, 11, "F2")} "
                            + $"{Cell.Right(result.Added >> 20, 21)} {Cell.Right(difference, 20, "E1")}"
                    )
                );
            }
        }
    });
    return command;
}

Command States()
{
    var model = new Option<string>("--model") { DefaultValueFactory = _ => "ViT-B-32" };
    var precisions = new Option<Precision[]>("--precision")
    {
        DefaultValueFactory = _ => [Precision.Fp32, Precision.Bf16],
        AllowMultipleArgumentsPerToken = true,
    };
    var command = new Command("state", "Compare the memory of the training state with the bytes of its numbers, and time the optimizer.")
    {
        model,
        precisions,
    };
    command.SetAction(parsed =>
    {
        Console.WriteLine("precision  moments  text weights  MiB of numbers  MiB held   ratio  update, CPU ms");
        foreach (var precision in parsed.GetValue(precisions)!)
        {
            foreach (var text in Enum.GetValues<WeightType>())
            {
                foreach (var moments in Enum.GetValues<MomentType>())
                {
                    var bytes = StateWork.Bytes(RunConfig.LoadModel(parsed.GetRequiredValue(model)), Training(precision, moments, text));
                    var result = Measurement.InProcesses(
                        1,
                        "state",
                        parsed.GetRequiredValue(model),
                        $"{precision}",
                        $"{moments}",
                        $"{text}",
                        $"{parsed.GetValue(threads)}"
                    );
                    Console.WriteLine(
                        string.Create(
                            CultureInfo.InvariantCulture,
                            $"{Cell.Left(precision, 10)} {Cell.Left(moments, 8)} {Cell.Left(text, 12)} "
                                + $"{Cell.Right(bytes / 1048576.0, 15, "F1")} {Cell.Right(result.Added / 1048576.0, 9, "F1")} "
                                + $"{Cell.Right(result.Added / (double)bytes, 7, "F3")} {Cell.Right(result.Seconds * 1000, 15, "F0")}"
                        )
                    );
                }
            }
        }
    });
    return command;
}

Command Flat()
{
    var steps = new Option<int>("--steps") { DefaultValueFactory = _ => 10_000, Description = "Steps; a multiple of 20." };
    var resnet = new Option<bool>("--resnet") { Description = "An image tower with BatchNorm." };
    var precision = new Option<Precision>("--precision") { DefaultValueFactory = _ => Precision.Fp32 };
    var command = new Command("flat", "Follow the memory of a process over many steps.") { steps, resnet, precision };
    command.SetAction(parsed =>
    {
        Threads.Set(parsed.GetValue(threads));
        var points = StepWork.Memory(parsed.GetValue(resnet), parsed.GetValue(precision), parsed.GetValue(steps)).ToArray();
        Console.WriteLine("MiB private: " + string.Join(' ', points.Select(bytes => bytes >> 20)));
        var second = points[10..];
        Console.WriteLine(
            string.Create(CultureInfo.InvariantCulture, $"second half: {(second[^1] - second[0]) / 1024.0:F0} KiB more at its end")
        );
    });
    return command;
}

// Started by Measurement.InProcesses.
Command Child()
{
    var rank = new Argument<int>("RANK");
    var ranks = new Argument<int>("RANKS");
    var meeting = new Argument<string>("FOLDER");
    var work = new Argument<string[]>("WORK");
    var command = new Command("child", "One process of a measurement.") { rank, ranks, meeting, work };
    command.Hidden = true;
    command.SetAction(parsed =>
    {
        var arguments = parsed.GetValue(work)!;
        Threads.Set(Number(arguments[^1]));
        using var group = Measurement.Join(parsed.GetValue(rank), parsed.GetValue(ranks), parsed.GetRequiredValue(meeting));
        var result = arguments[0] switch
        {
            "loss" => LossWork.Measure(group, arguments[1], Number(arguments[2]), Number(arguments[3])),
            "state" => StateWork.Measure(
                RunConfig.LoadModel(arguments[1]),
                Training(Enum.Parse<Precision>(arguments[2]), Enum.Parse<MomentType>(arguments[3]), Enum.Parse<WeightType>(arguments[4]))
            ),
            _ => StepWork.Measure(Number(arguments[1]), Number(arguments[2]), Enum.Parse<ActivationCheckpointing>(arguments[3])),
        };
        Console.Write(result);
    });
    return command;
}

static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

static TrainingOptions Training(Precision precision, MomentType moments, WeightType text) =>
    new()
    {
        GlobalBatch = 1,
        Steps = 1,
        Precision = precision,
        Moments = moments,
        TextWeights = text,
    };

static Measurement Step(int batch, int micro, ActivationCheckpointing checkpointing, int threads) =>
    Measurement.InProcesses(1, "step", $"{batch}", $"{micro}", $"{checkpointing}", $"{threads}");
