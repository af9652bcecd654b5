using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Worker;

namespace ClipTrain.Cli.Tests.Examples;

internal static class TrainExample
{
    /// <summary>Trains the run of a YAML file in this process and returns its folder.</summary>
    public static string Train(string runFile, TextWriter output)
    {
        var options = RunConfig.Load(runFile, ["cluster.workers=1"]).Options;
        using var trainer = new LocalTrainer(options);
        trainer.Train(step => output.WriteLine($"step {step.Step}: loss {step.Loss:0.000}, {step.ImagesPerSecond:0} images/s"));
        return trainer.Files.Directory;
    }
}
