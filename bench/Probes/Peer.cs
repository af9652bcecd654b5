namespace ClipTrain.Bench.Probes;

/// <summary>scikit-learn's result for one C, a line of sklearn_probe.py's output.</summary>
internal sealed record Peer(double C, double Objective, double Accuracy, double Seconds, int Iterations);
