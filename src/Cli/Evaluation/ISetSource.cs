using ClipTrain.Evaluation.Suites;
using Serilog;

namespace ClipTrain.Cli.Evaluation;

/// <summary>Measures the sets of a suite in other processes.</summary>
public interface ISetSource
{
    /// <param name="model">The model.</param>
    /// <param name="suite">The suite.</param>
    /// <param name="scope">Parts of the suite to run.</param>
    /// <param name="log">Receives the progress.</param>
    /// <returns>The results of the sets that have a task in the scope, in the suite's order.</returns>
    /// <exception cref="Workers.EncodingWorkerException">A set cannot be measured.</exception>
    /// <exception cref="SuiteStoppedException">A signal has ended the evaluation.</exception>
    IReadOnlyList<SetResult> Measure(SuiteModel model, SuiteOptions suite, SuiteScope scope, ILogger log);
}
