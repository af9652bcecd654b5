using System.Diagnostics.CodeAnalysis;

namespace ClipTrain.Torch;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>
        /// A named tree of parameters. Subclasses register their parameters and their parts in their constructors; names are
        /// joined with dots, in the order of registration. Disposing of a module disposes of what is registered in it.
        /// </summary>
        [SuppressMessage("Design", "CA1063:Implement IDisposable correctly", Justification = "No finalizer.")]
        public abstract class Module(string name) : IDisposable
        {
            private readonly List<(string Name, Parameter Parameter)> _parameters = [];
            private readonly List<(string Name, Module Module)> _children = [];

            public string GetName() => name;

            /// <summary>Whether dropout and the like are active.</summary>
            public bool training { get; private set; } = true;

            /// <summary>Adds a parameter of this module itself.</summary>
            /// <exception cref="ArgumentException">The name is empty, has a dot or is taken.</exception>
            public void register_parameter(string name, Parameter parameter)
            {
                CheckName(name);
                _parameters.Add((name, parameter));
            }

            /// <summary>Adds a part.</summary>
            /// <exception cref="ArgumentException">The name is empty, has a dot or is taken.</exception>
            public void register_module(string name, Module module)
            {
                CheckName(name);
                _children.Add((name, module));
            }

            /// <summary>This module's parameters, then its parts', each with its dotted name.</summary>
            public IEnumerable<(string name, Parameter parameter)> named_parameters(bool recurse = true)
            {
                foreach ((string own, Parameter parameter) in _parameters)
                {
                    yield return (own, parameter);
                }

                foreach ((string child, Module module) in recurse ? _children : [])
                {
                    foreach ((string inner, Parameter parameter) in module.named_parameters())
                    {
                        yield return ($"{child}.{inner}", parameter);
                    }
                }
            }

            public IEnumerable<Parameter> parameters(bool recurse = true) => named_parameters(recurse).Select(p => p.parameter);

            public IEnumerable<(string name, Module module)> named_children() => _children.Select(c => (c.Name, c.Module));

            /// <summary>All parts at any depth, each with its dotted name.</summary>
            public IEnumerable<(string name, Module module)> named_modules()
            {
                foreach ((string child, Module module) in _children)
                {
                    yield return (child, module);
                    foreach ((string inner, Module part) in module.named_modules())
                    {
                        yield return ($"{child}.{inner}", part);
                    }
                }
            }

            /// <summary>Sets <see cref="training"/> here and in all parts.</summary>
            public void train(bool on = true)
            {
                training = on;
                foreach ((_, Module module) in _children)
                {
                    module.train(on);
                }
            }

            public void eval() => train(on: false);

            /// <summary>Clears the gradients of all parameters.</summary>
            public void zero_grad()
            {
                foreach (Parameter parameter in parameters())
                {
                    parameter.grad = null;
                }
            }

            public void Dispose()
            {
                foreach ((_, Parameter parameter) in _parameters)
                {
                    parameter.Dispose();
                }

                foreach ((_, Module module) in _children)
                {
                    module.Dispose();
                }

                GC.SuppressFinalize(this);
            }

            private void CheckName(string child)
            {
                if (child.Length == 0 || child.Contains('.', StringComparison.Ordinal))
                {
                    throw new ArgumentException($"'{child}' cannot name a part of {name}: a name is not empty and has no dot.", nameof(child));
                }

                if (_parameters.Exists(p => string.Equals(p.Name, child, StringComparison.Ordinal))
                    || _children.Exists(c => string.Equals(c.Name, child, StringComparison.Ordinal)))
                {
                    throw new ArgumentException($"{name} already has a part named '{child}'.", nameof(child));
                }
            }
        }

        /// <summary>A module that is a function of one input.</summary>
        public abstract class Module<T, TResult>(string name) : Module(name)
        {
            public abstract TResult forward(T input);
        }

        /// <summary>A module that is a function of two inputs.</summary>
        public abstract class Module<T1, T2, TResult>(string name) : Module(name)
        {
            public abstract TResult forward(T1 input1, T2 input2);
        }
    }
}
