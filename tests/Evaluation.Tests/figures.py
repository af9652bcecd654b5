# The definitions behind FigureTests and LogisticRegressionTests, in NumPy, SciPy and scikit-learn (Debian: python3-sklearn).
#   /usr/bin/python3 figures.py
import numpy as np
def lcg(n,seed=12345):
    x=seed; out=[]
    for _ in range(n):
        x=(1103515245*x+12345)%2147483648
        out.append(x)
    return np.array(out)
n=60
s=np.float32((lcg(n)%41)/np.float32(41))     # ties
y=(lcg(n,999)//65536)%3==0
# AUC by definition
pos=s[y];neg=s[~y]
auc=((pos[:,None]>neg[None]).sum()+.5*(pos[:,None]==neg[None]).sum())/len(pos)/len(neg)
# 11-point AP by definition: thresholds
ths=np.unique(s)[::-1]
prec=[];rec=[]
for t in ths:
    m=s>=t; prec.append(y[m].mean()); rec.append(y[m].sum()/y.sum())
prec=np.array(prec);rec=np.array(rec)
ap=np.mean([prec[rec>=k/10-1e-12].max() for k in range(11)])
print('auc',repr(auc),'ap11',repr(ap),y.sum())
# ECE, macro F1 mean per class
L=(lcg(50,7)//65536)%4; P=(lcg(50,8)//65536)%4; P=np.where((lcg(50,9)//65536)%3>0,L,P); c=((lcg(50,10)//65536)%1000+1)/1001.0
bins=np.clip(np.ceil(c*15).astype(int)-1,0,14)
ece=sum(abs((c[bins==b]-(L==P)[bins==b]).sum()) for b in range(15))/50
rec=[(P[L==k]==k).mean() for k in range(4)]
f1=[2*((L==k)&(P==k)).sum()/((L==k).sum()+(P==k).sum()) for k in range(4)]
print('ece',repr(ece),'mpc',repr(np.mean(rec)),'f1',repr(np.mean(f1)),'acc',(L==P).mean())
# logistic regression 
X=((lcg(40*3,11)//65536)%200/100.0-1).reshape(40,3).astype(np.float32).astype(float); Y=(lcg(40,12)//65536)%3
# effective robustness
sl,ic=1.0709,-2.3701
lg=lambda p: np.log(p/(1-p))
print('eff sketch .762->.602', repr(.602-1/(1+np.exp(-(sl*lg(.762)+ic)))))
x=np.array([.2,.4,.6,.8,.9]); yy=np.array([.1,.22,.35,.6,.7]); A=np.vstack([lg(x),np.ones(5)]).T
print('fit',repr(np.linalg.lstsq(A,lg(yy),rcond=None)[0]))
from scipy import stats
from sklearn.linear_model import LogisticRegression
for C in (0.01, 1.0, 100.0):
    m = LogisticRegression(C=C, max_iter=100000, tol=1e-12).fit(X, Y)
    Z = X @ m.coef_.T + m.intercept_
    Z -= Z.max(1, keepdims=True)
    logp = Z - np.log(np.exp(Z).sum(1, keepdims=True))
    print('objective', C, repr(.5 * (m.coef_ ** 2).sum() - C * logp[np.arange(40), Y].sum()), repr(m.coef_[0]))
print(stats.beta.ppf(.025, 1, 10), stats.beta.ppf(.975, 2, 9), stats.beta.ppf(.0025, 95, 6), stats.beta.ppf(.9975, 96, 5))
print(stats.binom.sf(69, 100, .6), stats.spearmanr([.1, .4, .4, .8, .9], [.2, .1, .5, .5, .95]).correlation)
