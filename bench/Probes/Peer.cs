namespace ClipTrain.Bench.Probes;

/// <summary>What scikit-learn gave for one C, a line of sklearn_probe.py.</summary>
internal sealed record Peer(double C, double Objective, double Accuracy, double Seconds, int Iterations);
